/** What the interop tests of one family share: a mount of all buckets, one bucket in it, and the other tools' access. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { BucketClient } from '../../support/bucket-client.ts'
import { swiftEnvironment } from '../../support/families.ts'
import { mountBucket, type Mount } from '../../support/mount.ts'
import { awsEnvironment, type Server } from '../../support/servers.ts'
import { program, sh } from '../../support/shell.ts'

const path = [process.env['PAILFS_TEST_TOOLS'], process.env['PATH']].filter(Boolean).join(':')
/** 2001-02-03 04:05:06.789 UTC, as touch and stat have it. */
export const TIME = '981173106'
export const TOUCH = '2001-02-03T04:05:06.789Z'

export interface Raw {
  readonly key: string
  readonly body?: string
  readonly type?: string
  readonly user?: Record<string, string>
}

export interface Scene {
  readonly s3: boolean
  readonly mount: Mount
  readonly server: Server
  readonly bucket: string
  /** A folder for the other tool. */
  readonly work: string
  readonly env: Record<string, string>
  /** Runs the other tool in its folder. */
  readonly tool: (command: string, more?: Record<string, string>) => Promise<string>
  /** A line of bash in the bucket's directory of the mount. */
  readonly ours: (command: string) => Promise<string>
  /** Stores an object as somebody else. */
  readonly put: (object: Raw) => Promise<void>
  /** All keys, past the mount. */
  readonly keys: (bucket?: string) => Promise<string[]>
  /** All that was changed through the mount is in the bucket. */
  readonly flush: () => Promise<void>
}

/** All buckets. */
export function mountAll(t: Test, server: Server, s3: boolean): Promise<Mount> {
  const source = s3 ? 's3:' : 'swift:'
  const env = s3 ? {} : swiftEnvironment(server)
  const args = ['--metadata-ttl=0', '--write-back=200ms', '--part-size=5MiB']
  return mountBucket(t, { server, bucket: '', source, env, args })
}

/** A bucket of its own in the mount. */
export async function openScene(
  t: Test,
  server: Server,
  mount: Mount,
  s3: boolean,
): Promise<Scene> {
  const work = await mkdtemp(join(tmpdir(), 'pailfs-interop-'))
  t.teardown(() => rm(work, { recursive: true, force: true }))
  const bucket = `inter-${process.pid}-${Math.trunc(performance.now())}`
  await mount.sh(`mkdir ${bucket}`)
  const { AWS_REGION, ...aws } = awsEnvironment(server)
  const env = {
    PATH: path,
    HOME: work,
    LC_ALL: 'C.UTF-8',
    ...(s3 ? { ...aws, AWS_REGION: AWS_REGION ?? '' } : swiftEnvironment(server)),
  }
  const access = s3 ? await s3Access(t, server, bucket) : await swiftAccess(server, bucket)
  return {
    s3,
    mount,
    server,
    bucket,
    work,
    env,
    ...access,
    tool: (command, more = {}) => sh(command, { cwd: work, env: { ...env, ...more } }),
    ours: command => mount.sh(`cd ${bucket}; ${command}`),
    flush: async () => {
      const done = await mount.pailfs('flush', mount.dir)
      if (done.code !== 0) throw new Error(done.err)
    },
  }
}

/** Why a tool cannot be had, as a reason to skip; `from`: where it can be. */
export async function missing(tool: string, from: string): Promise<string | false> {
  const found = await program('sh', ['-c', `command -v ${tool}`], { env: { PATH: path } })
  return found.code === 0 ? false : `not installed: ${tool} (${from})`
}

async function s3Access(t: Test, server: Server, bucket: string) {
  const client = await BucketClient.start(t, server, bucket)
  return {
    put: async ({ key, body = '', type, user = {} }: Raw) => {
      const given = type === undefined ? {} : { ContentType: type }
      const args = { Key: key, Body: Buffer.from(body), Metadata: user, ...given }
      await client.call('put_object', args)
    },
    keys: async (name = bucket) => {
      const found = await client.call('keys', { Bucket: name, Prefix: '' })
      return (found as unknown as { key: string }[]).map(({ key }) => key)
    },
  }
}

async function swiftAccess(server: Server, bucket: string) {
  const { authUrl, user, key } = server.swift
  const headers = { 'X-Auth-User': user, 'X-Auth-Key': key }
  const access = await fetch(authUrl, { headers })
  const url = access.headers.get('x-storage-url') ?? ''
  const token = { 'X-Auth-Token': access.headers.get('x-auth-token') ?? '' }
  return {
    put: async ({ key, body = '', type, user = {} }: Raw) => {
      const meta = Object.entries(user).map(([name, value]) => [`X-Object-Meta-${name}`, value])
      const given = type === undefined ? {} : { 'Content-Type': type }
      const headers = { ...token, ...given, ...(Object.fromEntries(meta) as object) }
      const target = `${url}/${bucket}/${encodeURIComponent(key)}`
      const { status } = await fetch(target, { method: 'PUT', headers, body })
      if (status >= 300) throw new Error(`PUT ${key}: ${status}`)
    },
    keys: async (name = bucket) => {
      const reply = await fetch(`${url}/${name}?format=json`, { headers: token })
      if (reply.status === 404) return []
      return ((await reply.json()) as { name: string }[]).map(one => one.name)
    },
  }
}
