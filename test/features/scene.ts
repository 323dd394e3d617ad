/** What the parts of the feature test share: one family's mount of all buckets, and a few words to use it with. */
import type { Test } from 'tap'
import type { Family } from '../support/families.ts'
import type { Mount, MountOptions } from '../support/mount.ts'
import { program, shell } from '../support/shell.ts'

export interface Scene extends Family {
  /** All buckets. */
  mount: Mount
  /** A bucket made through the mount. */
  bucket: string
  /** One more mount, through the same proxy, that knows nothing of the first: as on another machine. */
  mountMore: (options?: Partial<MountOptions>) => Promise<Mount>
}

/** What a failing command said; '' when it did not fail, or its output. */
export async function tried(mount: Mount, command: string): Promise<string> {
  const { out, err } = await shell(command, { cwd: mount.dir })
  return err || out
}

/** An attribute of a file as text. */
export function attribute(mount: Mount, name: string, path: string): Promise<string> {
  return mount.sh(`getfattr --only-values -n '${name}' '${path}'`)
}

/** Downloads without credentials; a refusal is a code that is not 0. */
export function curl(url: string) {
  return program('curl', ['-sSf', '--max-time', '20', url])
}

export async function flush(mount: Mount): Promise<void> {
  const done = await mount.pailfs('flush', mount.dir)
  if (done.code !== 0) throw new Error(done.err)
}

export function skipped(t: Test, why: string): void {
  t.pass(why, { skip: why })
}

/** Whether anybody may read it, by the grants that the second client sees. */
export async function isPublic({ other }: Scene, bucket: string, key: string): Promise<boolean> {
  return (await other.acl(bucket, key)).some(grant => grant.endsWith('AllUsers READ'))
}

/** Downloads a public object; passed over where the server knows nobody without credentials at its address. */
export async function openFor(t: Test, url: string, wanted: string): Promise<boolean> {
  const { code, out, err } = await curl(url)
  if (code !== 0 && /40[04]|412/.test(err)) {
    skipped(t, `the server answers nobody without credentials at this address: ${err.trim()}`)
    return false
  }
  t.strictSame({ code, out }, { code: 0, out: wanted }, 'curl without a signature')
  return true
}
