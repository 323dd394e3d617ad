/**
 * The one place that builds the parts together: from a Config to a file system that answers, with its
 * store, caches, journal and write-back below it.
 */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { HeadAhead } from '../cache/head-ahead.ts'
import { openMetaCache } from '../cache/meta-cache.ts'
import { CachedReader } from '../cache/object-reader.ts'
import { S3_DIRECTORY, SWIFT_DIRECTORY } from '../core/content-type.ts'
import { partLayout } from '../core/parts.ts'
import type { Clock, Log } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import type { MountControl } from '../control/api.ts'
import type { FileSystem } from '../fs/api.ts'
import { createFileSystem } from '../fs/filesystem.ts'
import type { Journal } from '../journal/journal.ts'
import { openJournal } from '../journal/lmdb-journal.ts'
import { ageingClock, steadyClock } from '../observe/clock.ts'
import type { Counters } from '../observe/metrics.ts'
import { keepExtras } from '../store/kept-extras.ts'
import { withRetry } from '../store/retry.ts'
import { Bodies } from '../writeback/bodies.ts'
import { StagedFiles } from '../writeback/staged.ts'
import { WriteBack } from '../writeback/writeback.ts'
import type { Config } from './config.ts'
import { serverIdentity } from './endpoint.ts'
import { WriteBackControl } from './mount-control.ts'
import { openStore } from './open-store.ts'
import { Tidying } from './tidying.ts'

const MiB = 1024 * 1024

/** All that a running mount needs of what lies below the kernel link. */
export interface Composed {
  readonly fs: FileSystem
  readonly control: MountControl
  /** One real round trip to the bucket with the credentials. Rejects with StoreError. */
  probe(): Promise<void>
  /**
   * Sends what is pending, for at most so long. Resolves with the number of keys left (they stay in the
   * journal). For the end of a mount: nothing writes any more.
   */
  drain(limit: Milliseconds, signal: AbortSignal): Promise<number>
  /** Closes journal, caches and sockets. Nothing may be called afterwards. */
  close(): Promise<void>
}

export interface ComposeParts {
  readonly log: Log
  readonly clock: Clock
  readonly counters: Counters
  /** The bucket's private folder on this machine: exists, locked for this process. */
  readonly folder: string
}

export type Compose = (config: Config, parts: ComposeParts) => Promise<Composed>

/** Bytes of bodies on their way to the bucket in memory. */
const BODIES = 64 * MiB
/** How often the journal goes to the disk by itself: what a power cut may take of what nobody synced. */
const SYNC_EVERY: Milliseconds = 30_000
/** How long files with temporary names rest before they are sent after all. */
const TEMPORARY_REST: Milliseconds = 300_000

export const compose: Compose = async (config, { log, clock, folder }) => {
  const ports = { clock, random: Math.random, log }
  const steady = { ...ports, clock: steadyClock }
  const raw = keepExtras(
    await openStore(config.source, config.store, { ...ports, env: process.env }),
  )
  const { readTimeout } = config.store
  const store = withRetry(raw, { ...steady, attempts: 100, deadline: readTimeout })
  const reader = new CachedReader({
    ...steady,
    store: raw,
    cacheBytes: config.cacheSize,
    readTimeout,
  })
  const metaCache = openMetaCache({ folder: join(folder, 'metadata'), log })
  const heads = new HeadAhead({ store, meta: metaCache, all: 24, ahead: 16 })
  const journal = await openJournal({
    folder: join(folder, 'journal'),
    stagingLimit: config.stagingLimit,
    log,
    about: aboutOf(config),
  })
  const staged = new StagedFiles(journal, partLayout(undefined, raw.limits, config.partSize))
  const writeBack = new WriteBack({
    ...steady,
    wall: clock,
    store: raw,
    reader,
    journal,
    staged,
    bodies: new Bodies(BODIES),
    partSize: config.partSize,
    acl: config.store.acl,
    rest: config.writeBack,
    temporaryRest: Math.max(TEMPORARY_REST, config.writeBack),
    patience: readTimeout,
    atOnce: Math.max(4, Math.floor(config.store.maxConnections / 2)),
  })
  const clocks = { clock: ageingClock(steadyClock, clock), wall: clock }
  const caches = { reader, heads, metaCache }
  const { fs, context } = createFileSystem(
    { ...clocks, ...caches, store, journal, staged, writeBack, log },
    fsOptions(config),
  )
  const syncing = syncNowAndThen(journal, log)
  const tidying = config.readOnly ? undefined : new Tidying({ ...ports, store: raw, writeBack })
  return {
    fs,
    control: new WriteBackControl(context, steadyClock),
    probe: () => raw.probe(''),
    drain: (limit, signal) => writeBack.drain(limit, signal),
    close: async () => {
      clearInterval(syncing)
      tidying?.close()
      writeBack.close()
      heads.close()
      reader.close()
      store.close()
      await metaCache.close()
      await journal.close()
    },
  }
}

function aboutOf(config: Config) {
  const { bucket, prefix } = config.source
  return { bucket, prefix, endpoint: serverIdentity(config, process.env) }
}

function fsOptions(config: Config) {
  const { uid, gid, fileMode, dirMode } = config.owner
  return {
    defaults: { uid, gid, filePerm: fileMode, dirPerm: dirMode },
    metadataTtl: config.metadataTtl,
    attributes: config.attributes,
    fsync: config.fsync,
    closeWaits: config.writeBack === 0,
    readAhead: { min: MiB / 4, max: Math.min(32 * MiB, config.cacheSize / 4) },
    roomPatience: config.store.readTimeout,
    directoryType: config.source.family === 'swift' ? SWIFT_DIRECTORY : S3_DIRECTORY,
    host: hostname().replaceAll(/[^\w.-]/g, '_'),
  }
}

function syncNowAndThen(journal: Journal, log: Log): NodeJS.Timeout {
  const sync = () =>
    journal
      .sync()
      .catch((error: unknown) => log.error('journal not synced', { error: String(error) }))
  return setInterval(() => void sync(), SYNC_EVERY).unref()
}
