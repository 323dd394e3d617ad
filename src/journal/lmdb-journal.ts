/**
 * The journal on the local disk: LMDB for the records, with a commit log in front of it, and staged files beside.
 *
 * Why the log: a synchronous commit of LMDB flushes the disk before it returns (measured: 370 µs on a fast disk, many
 * milliseconds on others, with the whole mount waiting); without flushing (`noSync`) it takes 12 µs, but
 * a power cut may leave the database unreadable. So `commit` appends to the log (5 µs, safe from a kill), and
 * when the log has grown by 4 MiB what it says is put into LMDB in its safe, asynchronous mode. Of a thousand
 * changes to one key LMDB sees the last.
 *
 * After a kill: all that was committed and written is there.
 * After a power cut: records, staged bytes and maps are there as of the last resolved `sync` or later. Of later
 * commits a prefix is there (each whole or not at all); the bytes they speak of may not be. `doubtful` names
 * the keys such a commit concerned, and those of staged files that were changed after the last sync, so that
 * recovery need not send what may be half a file. The order that gives this: bytes, maps, names of staged files, then
 * the log, and only what was synced goes into LMDB; and before a staged file is changed for the first time since
 * a sync, the log on the disk says so.
 *
 * A full disk: a commit that finds no room leaves the log as it was. If LMDB finds none, the log is kept.
 */
import { FsError } from '../core/errors.ts'
import type { Log } from '../core/ports.ts'
import type { KeyRecord, Source, StageId } from '../core/state.ts'
import type { Bytes } from '../core/types.ts'
import { CommitLog } from './commit-log.ts'
import { diskError } from './disk-error.ts'
import { makeFolder, prepareFolder, type JournalAbout } from './journal-folder.ts'
import { bootId, takeLock, type Lock } from './journal-lock.ts'
import type { Journal, JournalChange, Stage } from './journal.ts'
import { lostRecords } from './record-check.ts'
import { RecordDb } from './record-db.ts'
import { stagesOf } from './recovery.ts'
import { SharedRun } from './shared-run.ts'
import { Stages } from './stages.ts'

export interface JournalOptions {
  /** One for each bucket and prefix; made if it is not there. */
  readonly folder: string
  /** Bytes that staged files may take. */
  readonly stagingLimit: Bytes
  readonly log: Log
  /** Written to `journal.json` for people. */
  readonly about?: JournalAbout
  /** Bytes of the disk that staged files leave free: 256 MiB, or 5 % of a small disk, unless said otherwise. */
  readonly keepFree?: Bytes
  /** Staged files and maps open at once; 512 unless said otherwise. */
  readonly openFiles?: number
  /** Growth of the log after which it goes into the database; 4 MiB unless said otherwise. */
  readonly checkpointEvery?: Bytes
  /** Names this boot of the machine; the kernel's boot id unless a test says otherwise. */
  readonly boot?: string
}

/** A journal, and what was found when it was opened. */
export interface OpenedJournal extends Journal {
  /**
   * Keys whose last commits were read back after the machine went down and were not synced before, or whose staged files
   * were being changed then: their bytes may be missing in part. Empty after a kill. To be acted upon before the first `sync`, which takes
   * them for seen.
   */
  readonly doubtful: ReadonlySet<string>
  /** Puts the log into the database and empties it. For tests and tools; it happens by itself. */
  checkpoint(): Promise<void>
}

const CHECKPOINT_EVERY: Bytes = 4 << 20
const OPEN_FILES = 512

/**
 * Opens the journal in a folder, alone: rejects with FsError EBUSY if another process has it, EIO if its format is
 * newer or it can't be read.
 */
export async function openJournal(options: JournalOptions): Promise<OpenedJournal> {
  makeFolder(options.folder)
  const lock = await takeLock(options.folder)
  let db: RecordDb | undefined
  try {
    const folders = prepareFolder(options.folder, options.about)
    const lost = lostRecords(folders)
    db = new RecordDb(folders.records)
    const log = await CommitLog.open(folders.log, options.boot ?? bootId(), options.log)
    const flushing = new SharedRun(() => log.flush())
    const stages = new Stages({
      folder: folders.stages,
      limit: options.stagingLimit,
      keepFree: options.keepFree,
      openFiles: options.openFiles ?? OPEN_FILES,
      announce: id => {
        log.touch([id])
        return flushing.run()
      },
    })
    if (log.unclean) stages.distrust()
    const journal = new LmdbJournal({ options, lock, stages, db, log })
    for (const file of lost) {
      journal.damaged.add(file)
      options.log.error(
        'a database of the journal is lost: staged files that nothing names are kept',
        { file },
      )
    }
    // What is doubtful stays in the log: it would not be, once it is in the database.
    if (journal.doubtful.size === 0) await journal.checkpoint()
    return journal
  } catch (error) {
    await db?.close()
    lock.release()
    throw diskError(error, 'opening the journal')
  }
}

interface Parts {
  readonly options: JournalOptions
  readonly lock: Lock
  readonly stages: Stages
  readonly db: RecordDb
  readonly log: CommitLog
}

class LmdbJournal implements OpenedJournal {
  readonly doubtful: ReadonlySet<string>
  readonly damaged = new Set<string>()
  readonly #parts: Parts
  /** What the log says and the database does not: as it was when a checkpoint began, and since then. */
  #frozen: ReadonlyMap<string, KeyRecord | undefined> = new Map()
  #fresh: Map<string, KeyRecord | undefined>
  #checkpointing: Promise<void> | undefined
  #checkpointAt: Bytes
  readonly #syncing = new SharedRun(() => this.#syncNow())
  #closed = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#fresh = new Map(parts.log.found)
    this.doubtful = new Set([...parts.log.doubtful, ...this.#keysOf(parts.log.touched)])
    this.#checkpointAt = parts.options.checkpointEvery ?? CHECKPOINT_EVERY
  }

  *records(): Iterable<KeyRecord> {
    this.#check()
    const newer = new Map([...this.#frozen, ...this.#fresh])
    const damaged = (key: string) => {
      if (newer.has(key) || this.damaged.has(key)) return
      this.damaged.add(key)
      this.#parts.options.log.error('a record of the journal cannot be read', { key })
    }
    for (const record of this.#parts.db.all(damaged)) if (!newer.has(record.key)) yield record
    for (const record of newer.values()) if (record !== undefined) yield record
  }

  commit(change: JournalChange): void {
    this.#check()
    if (change.put.length === 0 && change.remove.length === 0) return
    const { log } = this.#parts
    try {
      log.append(change)
    } catch (error) {
      throw diskError(error, 'committing to the journal')
    }
    for (const key of change.remove) this.#fresh.set(key, undefined)
    for (const record of change.put) this.#fresh.set(record.key, record)
    if (log.length >= this.#checkpointAt && this.#checkpointing === undefined) {
      this.checkpoint().catch((error: unknown) => {
        this.#parts.options.log.warn('journal checkpoint failed', { error })
      })
    }
  }

  async sync(): Promise<void> {
    this.#check()
    await this.#syncing.run()
  }

  checkpoint(): Promise<void> {
    this.#checkpointing ??= this.#checkpoint().finally(() => {
      this.#checkpointing = undefined
    })
    return this.#checkpointing
  }

  createStage(base?: Source): Stage {
    this.#check()
    return this.#parts.stages.create(base)
  }

  openStage(id: StageId): Stage {
    this.#check()
    return this.#parts.stages.open(id)
  }

  removeStage(id: StageId): void {
    this.#check()
    const { stages, options } = this.#parts
    stages.remove(id)
    if (!stages.manyRemoved || this.#syncing.busy) return
    this.sync().catch((error: unknown) => options.log.warn('journal sync failed', { error }))
  }

  stages(): readonly StageId[] {
    return this.#parts.stages.space.stages()
  }

  get staged(): Bytes {
    return this.#parts.stages.space.staged
  }

  get stagingLimit(): Bytes {
    return this.#parts.stages.space.limit
  }

  async close(): Promise<void> {
    if (this.#closed) return
    const { options, stages, db, log, lock } = this.#parts
    let empty = false
    try {
      await this.#checkpointing?.catch(() => {})
      await this.checkpoint()
      empty = true
    } catch (error) {
      // Nothing is lost: the log is there for the next start.
      options.log.warn('journal checkpoint failed', { error })
    }
    this.#closed = true
    stages.closeAll()
    log.close(empty && this.#fresh.size === 0)
    await db.close()
    lock.release()
  }

  async #syncNow(): Promise<void> {
    const { stages, log } = this.#parts
    const place = log.place
    const removed = stages.takeRemoved()
    try {
      // What is being changed right now may not be on the disk when this ends.
      log.touch(stages.announceAnew())
      await stages.sync()
      await log.sync(place)
      await removed.delete()
    } catch (error) {
      removed.keep()
      throw diskError(error, 'syncing the journal')
    }
  }

  async #checkpoint(): Promise<void> {
    const { db, log, options } = this.#parts
    const every = options.checkpointEvery ?? CHECKPOINT_EVERY
    try {
      if (this.#fresh.size > 0) log.rotate()
      this.#frozen = this.#fresh
      this.#fresh = new Map()
      await this.sync()
      await db.apply(this.#frozen)
      this.#frozen = new Map()
      log.dropOlder()
    } catch (error) {
      this.#fresh = new Map([...this.#frozen, ...this.#fresh])
      this.#frozen = new Map()
      throw diskError(error, 'putting the journal into its database')
    } finally {
      this.#checkpointAt = log.length + every
    }
  }

  /** The keys whose content is in one of these staged files. */
  #keysOf(stages: ReadonlySet<StageId>): string[] {
    if (stages.size === 0) return []
    const concerned = [...this.records()].filter(record =>
      stagesOf(record).some(id => stages.has(id)),
    )
    return concerned.map(({ key }) => key)
  }

  #check(): void {
    if (this.#closed) throw new FsError('EIO', 'the journal is closed')
  }
}
