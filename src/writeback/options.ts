/** The words of the write-back's callers: what they change, what they are told, what it is made of. */
import type { StoreError } from '../core/errors.ts'
import type { Clock, Log, Random } from '../core/ports.ts'
import type { Desired, Source, StoredState } from '../core/state.ts'
import type { ETag, Key, Milliseconds, ObjectMeta } from '../core/types.ts'
import type { Journal } from '../journal/journal.ts'
import type { Stored } from '../store/store.ts'
import type { ExecutorPorts } from './executor.ts'

export interface Change {
  readonly key: Key
  readonly desired: Desired
  /** What the bucket is known to hold, for a key that has no record yet. */
  readonly stored: StoredState
  /** Somebody has it open for writing: it is not due before `rest` is called. */
  readonly open?: boolean
}

/** What the file system wants to hear. */
export interface WriteBackEvents {
  /** The bucket holds what was desired; `meta` is undefined where the source's was kept. */
  settled(key: Key, stored: Stored | undefined, meta: ObjectMeta | undefined): void
  /** Still unsettled, but its content comes from elsewhere now: a version that was sent, or a staged file. */
  advanced(key: Key): void
  /**
   * The key holds another version than was known. Resolves with what came of it: `ours` it was our own request, or
   * nothing is lost, and it can be gone on with; `kept` somebody else's, theirs stays and ours has another name;
   * `stuck` somebody has to look at it.
   */
  conflict(key: Key, error: StoreError): Promise<ConflictEnd>
  /** Whether files that are open, and have no name any more, still need the object of this key. */
  needed(key: Key): boolean
  /**
   * The object is about to go or to be replaced: fetches what is needed of it. Rejects with a StoreError or FsError that
   * may pass; never with `last`.
   */
  keep(key: Key, last: boolean): Promise<void>
  /**
   * The content is about to be copied from another key: the metadata that the copy needs, where the source's alone
   * would lose the file's time. Rejects with a StoreError or FsError that may pass.
   */
  metaForCopy(key: Key): Promise<ObjectMeta | undefined>
  /** A request of ours made the version `now` of the version `before` of the same key. */
  replaced(before: ETag, now: Source): void
}

export type ConflictEnd = 'ours' | 'kept' | 'stuck'

export interface WriteBackOptions extends Omit<ExecutorPorts, 'uploads'> {
  readonly journal: Journal
  /** Steady: were it set back, all that waits would wait for so much longer. */
  readonly clock: Clock
  /** The time that servers have too. */
  readonly wall: Clock
  readonly random: Random
  readonly log: Log
  /** How long a closed file rests before it is sent. */
  readonly rest: Milliseconds
  /** The same for names that look temporary. */
  readonly temporaryRest: Milliseconds
  /** How long a waiter hears nothing of failures that may pass. */
  readonly patience: Milliseconds
  /** Keys under way at once. */
  readonly atOnce: number
}
