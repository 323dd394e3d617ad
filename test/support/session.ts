/**
 * A bucket of its own on a real server, with a proxy that counts, a second client, and mounts through the proxy:
 * what the end-to-end tests of test/mount/ start from. The same body runs on OpenStack Swift's s3api and Ceph RGW.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { BucketClient, whyNoBoto } from './bucket-client.ts'
import { mountBucket, whyNoFuse, type Mount, type MountOptions } from './mount.ts'
import { Proxy } from './proxy.ts'
import { freshBucket, sharedRgw, sharedSwift, whyMissing, type Server } from './servers.ts'

export type Kind = 'swift' | 'rgw'

/** Requests that change objects; parts and their copies are among them. */
export const CHANGES = [
  'PutObject',
  'CopyObject',
  'DeleteObject',
  'DeleteObjects',
  'CreateMultipartUpload',
  'UploadPart',
  'UploadPartCopy',
  'CompleteMultipartUpload',
  'AbortMultipartUpload',
]

export interface Session {
  kind: Kind
  server: Server
  bucket: string
  proxy: Proxy
  /** boto3, past the proxy. */
  client: BucketClient
  /** Mounts the bucket through the proxy; ends with the test. */
  mount: (options?: Partial<MountOptions>) => Promise<Mount>
  /**
   * Changing requests since the last `proxy.reset()` that the server did not refuse, by kind. Refused are the few
   * in which pailfs finds out, once a mount, whether the server enforces conditions.
   */
  changes: () => Record<string, number>
}

/** One subtest a kind of server, each with its own bucket. */
export async function onServers(
  title: string,
  body: (t: Test, session: Session) => Promise<void>,
  kinds: readonly Kind[] = ['swift', 'rgw'],
): Promise<void> {
  for (const kind of kinds) {
    const skip = (await whyMissing(kind)) || (await whyNoBoto()) || (await whyNoFuse())
    await t.test(`${kind}: ${title}`, { skip }, async t => body(t, await startSession(t, kind)))
  }
}

/** A session outside `onServers`. */
export async function startSession(t: Test, kind: Kind): Promise<Session> {
  const server = await (kind === 'swift' ? sharedSwift() : sharedRgw())
  const bucket = await freshBucket(server)
  const proxy = await Proxy.start(server)
  const client = await BucketClient.start(t, server, bucket)
  t.teardown(() => proxy.stop())
  return {
    kind,
    server,
    bucket,
    proxy,
    client,
    mount: options => mountBucket(t, { server, bucket, endpoint: proxy.endpoint, ...options }),
    changes: () => {
      const counts: Record<string, number> = {}
      for (const { kind, status } of proxy.requests) {
        if (CHANGES.includes(kind) && status < 400) counts[kind] = (counts[kind] ?? 0) + 1
      }
      return counts
    },
  }
}

/** Sends all that is pending, as a user would: `pailfs flush`. */
export async function flush(mount: Mount): Promise<void> {
  const done = await mount.pailfs('flush', mount.dir)
  if (done.code !== 0) throw new Error(`pailfs flush: ${done.err}${done.out}`)
}

/** Polls until it holds; rejects after `timeout` ms with what was waited for. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  timeout = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeout
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms for: ${what}`)
    await sleep(100)
  }
}
