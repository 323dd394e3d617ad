/**
 * What a journal holds that its bucket does not, without a mount: sending it, listing it, saving it to a folder.
 *
 * The journal is locked as by a mount, so that neither runs beside the other. Listing and saving ask
 * nothing of the network: they serve when the bucket is gone.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../core/ports.ts'
import type { WritebackStatus } from '../control/api.ts'
import { exportPending, listPending, type Exported, type Pending } from '../journal/export.ts'
import { openJournal, type OpenedJournal } from '../journal/lmdb-journal.ts'
import { realClock } from '../observe/clock.ts'
import { createLog, writeTo } from '../observe/log.ts'
import { createCounters } from '../observe/metrics.ts'
import type { Compose } from './compose.ts'
import type { Config } from './config.ts'
import { bucketFolder, makePrivate } from './folders.ts'
import { lockFolder } from './records.ts'

export type { Exported, Pending }

export interface RecoverParts {
  /** Undefined: the real one. */
  readonly compose: Compose | undefined
  /** Ends the sending; what is left stays in the journal. */
  readonly signal: AbortSignal
  /** Called once, before anything is sent; what it returns can be asked how it goes. */
  readonly started: (status: () => WritebackStatus) => void
}

/** What stands in the lock where a mount has its mount point. */
const HOLDER = '"pailfs recover"'

/**
 * Sends all that is pending. Resolves with how it ended: `pending` changes are not in the bucket, with their reasons.
 * Rejects with StoreError when the bucket cannot be reached, InUseError when the journal is in use.
 */
export async function sendPending(config: Config, parts: RecoverParts): Promise<WritebackStatus> {
  const { signal, started } = parts
  const compose = parts.compose ?? (await import('./compose.ts')).compose
  const folder = bucketFolder(config)
  makePrivate(folder)
  const unlock = lockFolder(folder, HOLDER)
  try {
    const tools = { log: logOf(config), clock: realClock, counters: createCounters(), folder }
    const composed = await compose(config, tools)
    try {
      await composed.probe()
      started(() => composed.control.status())
      await composed.drain(config.drainTimeout, signal)
      return composed.control.status()
    } finally {
      await composed.close()
    }
  } finally {
    unlock()
  }
}

/** All that is pending. Rejects with InUseError when the journal is in use, FsError when it cannot be read. */
export function pendingOf(config: Config): Promise<readonly Pending[]> {
  return withJournal(config, journal => Promise.resolve([...listPending(journal)]))
}

/** Writes the bytes of all that is pending into a new or empty folder; the journal stays as it is. */
export function savePending(config: Config, folder: string): Promise<readonly Exported[]> {
  return withJournal(config, journal => exportPending(journal, folder))
}

/** Where the journal of that bucket is on this machine, whether it is there or not. */
export function journalFolder(config: Config): string {
  return join(bucketFolder(config), 'journal')
}

/** A bucket that was never mounted here has nothing pending, and gets no journal by being asked. */
async function withJournal<T>(
  config: Config,
  work: (journal: OpenedJournal) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const folder = journalFolder(config)
  if (!existsSync(folder)) return []
  const unlock = lockFolder(bucketFolder(config), HOLDER)
  try {
    const log = logOf(config)
    const journal = await openJournal({ folder, stagingLimit: config.stagingLimit, log })
    try {
      return await work(journal)
    } finally {
      await journal.close()
    }
  } finally {
    unlock()
  }
}

function logOf({ log: { level, format } }: Config): Log {
  return createLog({ level, format, clock: realClock, write: writeTo(2) })
}
