/** Listings without a mount: the buckets of an account, or one level of a bucket. */
import { silentLog } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/types.ts'
import { realClock } from '../observe/clock.ts'
import { withRetry } from '../store/retry.ts'
import type { ObjectStore } from '../store/store.ts'
import type { Config } from './config.ts'
import { openService, openStore } from './open-store.ts'

export interface Listed {
  /** A bucket, a key, or a prefix with its slash. */
  readonly name: string
  readonly size?: Bytes
  /** Of a bucket, when it was made. */
  readonly time?: Milliseconds
}

/** Rejects with StoreError or ConfigError. */
export async function list(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Listed[]> {
  const { source } = config
  const ports = { log: silentLog, clock: realClock, random: Math.random, env }
  if (source.bucket === '') {
    const service = await openService(source.family, config.store, ports)
    try {
      const buckets = await service.listBuckets()
      return buckets.map(({ name, created }) =>
        created === undefined ? { name } : { name, time: created },
      )
    } finally {
      service.close()
    }
  }
  const store = withRetry(await openStore(source, config.store, ports), ports)
  try {
    return await levelOf(store)
  } finally {
    store.close()
  }
}

async function levelOf(store: ObjectStore): Promise<readonly Listed[]> {
  const found: Listed[] = []
  let token: string | undefined
  do {
    const asked = { prefix: '', delimiter: '/' } as const
    const page = await store.list(token === undefined ? asked : { ...asked, token })
    for (const { key, size, modified } of page.objects) {
      found.push({ name: key, size, time: modified })
    }
    for (const name of page.prefixes) found.push({ name })
    token = page.next
  } while (token !== undefined)
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}
