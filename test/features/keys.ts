/** Keys that are no file names: each is read, changed and deleted through the mount, and stays itself in the bucket. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { Signer, UNSIGNED_PAYLOAD } from '../../src/store/s3/sign.ts'
import type { Other } from '../support/families.ts'
import type { Mount } from '../support/mount.ts'
import type { Server } from '../support/servers.ts'

const KEYS = [
  'a//b',
  '/lead',
  '.',
  '..',
  'x/../y',
  'x/./y',
  'both',
  'both/below',
  'slash/',
  'long'.repeat(100),
  `${'long'.repeat(100)}/below`,
  `${'a'.repeat(399)}😀`,
  `dir/${'ü'.repeat(200)}`,
  'new\nline',
  'emoji 😀',
  'per%cent%2F',
  'plus+and space',
  'pail%dot',
  'quote\'"\\',
]

interface Scene {
  mount: Mount
  other: Other
  bucket: string
  server: Server
  scheme: 's3' | 'swift'
}

/** What is in the object whose name is not UTF-8. */
const INVALID = 'data of an invalid name'

/** Stores it as no client library can; resolves with the server's words when it refuses. */
async function putInvalid(
  { endpoint, s3, swift }: Server,
  scheme: 's3' | 'swift',
  bucket: string,
): Promise<string | undefined> {
  const name = 'bad%FF%FEname'
  let target = `${endpoint}/${bucket}/${name}`
  let headers: Record<string, string>
  if (scheme === 's3') {
    const { host, pathname: path } = new URL(target)
    const request = { method: 'PUT', path, query: '', headers: { host }, payload: UNSIGNED_PAYLOAD }
    const { host: _, ...signed } = new Signer().sign(request, s3, s3.region, Date.now())
    headers = signed
  } else {
    if (swift.keystone) return 'asked with v1 auth, of the same server'
    const given = { 'X-Auth-User': swift.user, 'X-Auth-Key': swift.key }
    const access = await fetch(swift.authUrl, { headers: given })
    target = `${access.headers.get('x-storage-url') ?? ''}/${bucket}/${name}`
    headers = { 'X-Auth-Token': access.headers.get('x-auth-token') ?? '' }
  }
  const reply = await fetch(target, { method: 'PUT', headers, body: INVALID })
  const said = (await reply.text()).replaceAll(/\s+/g, ' ').slice(0, 120)
  return reply.ok ? undefined : `the server refuses it: ${reply.status} ${said}`
}

export async function keysTest(test: Test, scene: Scene): Promise<void> {
  const { mount, other, bucket, server, scheme } = scene
  test.setTimeout(120_000)
  const own = `${bucket}-keys`
  await other.createBucket(own)
  const taken: string[] = []
  for (const key of KEYS) {
    try {
      await other.put(own, key, `data of ${key}`)
      taken.push(key)
    } catch (error) {
      test.comment(
        `the server or its client does not take ${JSON.stringify(key)}: ${String(error)}`,
      )
    }
  }
  const listed = await other.keys(own)
  const real = taken.filter(key => listed.includes(key))
  for (const key of taken) {
    if (!real.includes(key))
      test.comment(`the second client made another key of ${JSON.stringify(key)}`)
  }
  const refused = await putInvalid(server, scheme, own)
  if (refused !== undefined) test.pass('a name that is not UTF-8', { skip: refused })
  await sleep(1200)
  const top = join(mount.dir, own)
  const seen = new Map<string, string>()
  for (const path of await filesBelow(top)) seen.set(await readFile(path, 'utf8'), path)
  if (refused === undefined)
    test.ok(seen.has(INVALID), 'a name that is not UTF-8 is shown and read')
  for (const key of real) {
    const path = seen.get(`data of ${key}`)
    test.ok(path !== undefined, `${JSON.stringify(key)} is shown and read`)
    if (path !== undefined) await writeFile(path, `changed ${key}`)
  }
  const done = await mount.pailfs('flush', mount.dir)
  test.equal(done.code, 0, done.err)
  for (const key of real) {
    test.equal(await other.get(own, key), `changed ${key}`, `${JSON.stringify(key)} is written`)
  }
  test.same((await other.keys(own)).toSorted(), listed.toSorted(), 'no key more, none less')
  await rm(top, { recursive: true })
  test.notOk((await other.buckets()).includes(own), 'all of them deleted, and the bucket')
}

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await filesBelow(path)))
    else found.push(path)
  }
  return found
}
