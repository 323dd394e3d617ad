/**
 * The durable record: one record a key that the bucket does not have as desired yet, and the staged
 * files that hold written bytes. What a call here acknowledged survives a kill of the process; what
 * `sync` acknowledged survives a power cut too.
 *
 * All methods throw or reject with `FsError`: ENOSPC when the disk or the staging limit is full
 * (everything older is intact), EIO for the rest.
 */
import type { Range, Bytes } from '../core/types.ts'
import type { KeyRecord, Source, StageId } from '../core/state.ts'

export interface JournalChange {
  readonly put: readonly KeyRecord[]
  readonly remove: readonly string[]
}

export interface Journal {
  /** Every record, in no order. For the start of a mount. */
  records(): Iterable<KeyRecord>
  /**
   * Applies the change at once and whole, synchronously: when it returns, a killed process loses nothing of it.
   * A removal of a key that is not there is fine.
   */
  commit(change: JournalChange): void
  /** Everything committed and written so far is on the disk. Calls that overlap share one sync. */
  sync(): Promise<void>

  /** A new staged file of `size` bytes: all of them `base`'s, or zeros where there is no base. */
  createStage(base?: Source): Stage
  /** Opens one that is there. Throws EIO if it is missing or unreadable. */
  openStage(id: StageId): Stage
  removeStage(id: StageId): void
  /** Every staged file there is, for recovery: those that no record names are left-overs. */
  stages(): readonly StageId[]
  /** Keys of changes that a power cut left though they were not synced: their staged bytes may not be whole. */
  readonly doubtful?: ReadonlySet<string>
  /**
   * Keys whose records were found unreadable by `records`, and a database that is lost: their staged files look like
   * left-overs and are none.
   */
  readonly damaged?: ReadonlySet<string>
  /** Bytes that staged files take on disk, as counted by the journal. */
  readonly staged: Bytes
  /** The bound on `staged`; writes over it fail with ENOSPC. */
  readonly stagingLimit: Bytes
  close(): Promise<void>
}

/**
 * One staged file: a sparse local file and the map of which bytes in it are its own.
 * A byte is the base's if it lies below `baseLimit` and in no own range; else it is in the file
 * (zero where nobody wrote). Without a base, `baseLimit` is 0: every byte is the file's.
 *
 * Calls on one stage are made one after the other (the caller holds the inode's lock), except `read`,
 * which may run beside anything.
 */
export interface Stage {
  readonly id: StageId
  readonly base: Source | undefined
  readonly size: Bytes
  /** Bytes of the base that still show: shrinking the file lowers it, growing never raises it. */
  readonly baseLimit: Bytes
  /** Own ranges below `baseLimit`: sorted, disjoint, not touching. */
  readonly own: readonly Range[]
  /** Counts every change of bytes or size; an uploader compares it. Not durable. */
  readonly revision: number

  /** Fills `into` from the local file at `offset`; the caller knows which bytes are its own. Resolves with the count read. */
  read(into: Uint8Array, offset: Bytes): Promise<number>
  /** Writes and records; grows the file as needed. `from` may be reused once it resolves. */
  write(from: Uint8Array, offset: Bytes): Promise<void>
  truncate(size: Bytes): Promise<void>
  /**
   * Keeps bytes of the base locally (hydration): written only where no own range covers them, and from then on
   * counted as own. Not a change: `revision` stays.
   */
  fill(from: Uint8Array, offset: Bytes): Promise<void>
  /**
   * The base's bytes of the range that still show are nowhere any more: they are zeros, counted as own. Recorded
   * durably, not a change. Throws FsError.
   */
  forgo(range: Range): void
  /**
   * The base's bytes that still show are now also those of `base` (this stage was uploaded as it, or it was copied):
   * recorded durably. `own`, `baseLimit` and `revision` stay. Throws FsError.
   */
  rebase(base: Source): void
  /** mtime of the local file in ms: the last write, for recovery. */
  modified(): number
  /** Bytes and map are on the disk. */
  sync(): Promise<void>
  /** Closes the descriptor; the file stays. */
  close(): void
}
