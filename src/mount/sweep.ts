/** `pailfs sweep`: what crashed daemons left in a bucket, or in all of an account, is deleted, without a mount. */
import type { Milliseconds } from '../core/types.ts'
import { realClock } from '../observe/clock.ts'
import { createLog, writeTo } from '../observe/log.ts'
import type { ObjectStore, Swept } from '../store/store.ts'
import type { Config } from './config.ts'
import { openService, openStore } from './open-store.ts'
import { pendingOf } from './recover.ts'
import { InUseError } from './records.ts'

export interface SweepRequest {
  /** Uploads that nobody has gone on with for so long are given up. */
  readonly age: Milliseconds
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What was deleted; undefined where the store has nothing to sweep. Rejects with StoreError or ConfigError. */
export async function sweep(
  config: Config,
  { age, env }: SweepRequest,
): Promise<Swept | undefined> {
  const { source } = config
  const { level, format } = config.log
  const log = createLog({ level, format, clock: realClock, write: writeTo(2) })
  const ports = { log, clock: realClock, random: Math.random, env }
  const known = await knownUploads(config)
  const one = (store: ObjectStore) => store.sweep?.({ age, isKnown: id => known.has(id) })
  if (source.bucket !== '') {
    const store = await openStore(source, config.store, ports)
    try {
      await store.probe('')
      return await one(store)
    } finally {
      store.close()
    }
  }
  const service = await openService(source.family, config.store, ports)
  try {
    let all: Swept | undefined
    for (const { name } of await service.listBuckets()) {
      const swept = await one(await service.open(name))
      if (!swept) continue
      const { segments = 0, bytes = 0 } = all ?? {}
      all = { segments: segments + swept.segments, bytes: bytes + swept.bytes }
    }
    return all
  } finally {
    service.close()
  }
}

/** Uploads in this machine's journal of the source. A mount that has it goes on with its uploads: they are not old. */
async function knownUploads(config: Config): Promise<ReadonlySet<string>> {
  try {
    const ids = (await pendingOf(config)).map(({ record }) => record.upload?.id ?? '')
    return new Set(ids)
  } catch (error) {
    if (error instanceof InUseError) return new Set()
    throw error
  }
}
