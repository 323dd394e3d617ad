/**
 * Desired state and stored state: the words in which the journal, the write-back and the file system
 * speak of a key. Plain data throughout, so that it can be written to disk as it is.
 */
import type { Bytes, ETag, Key, Milliseconds, ObjectMeta } from './types.ts'
import type { StoreErrorKind } from './errors.ts'

/** Names a staged file in the journal's folder. */
export type StageId = string

/** Where the bytes of a key shall come from. */
export type Content =
  /** Few bytes kept in the record itself: a symlink's target, a directory marker (empty). Base64. */
  | { readonly from: 'inline'; readonly base64: string }
  /** A staged file; where it does not hold bytes of its own, those of `base`. */
  | { readonly from: 'stage'; readonly stage: StageId; readonly base?: Source }
  /** The bytes of a stored version: of another key (a rename, a copy), or of this one (new metadata only). */
  | { readonly from: 'stored'; readonly source: Source }

export interface Source {
  readonly key: Key
  readonly etag: ETag
  readonly size: Bytes
}

/** What the mount says about a key. Without `meta`, the metadata of the stored source is kept as it is. */
export type Desired =
  | { readonly is: 'absent' }
  | { readonly is: 'present'; readonly content: Content; readonly meta?: ObjectMeta }

/** What the bucket is known to hold under a key. */
export type StoredState =
  | { readonly is: 'unknown' }
  | { readonly is: 'absent' }
  | { readonly is: 'version'; readonly etag: ETag; readonly size: Bytes }

/** A large object under way. Parts whose `rev` is behind the staged bytes are sent again. */
export interface UploadRecord {
  /** The key it was begun on: the final name guessed for a temporary one. */
  readonly key: Key
  /** Empty: asked for, at the time `at`, and whether the server began it is not known. */
  readonly id: string
  readonly stage: StageId
  readonly at?: Milliseconds
  /** The metadata it was begun with. */
  readonly meta?: ObjectMeta
}

/** What a request that was sent makes of a key: the metadata it gives, or the source whose metadata it keeps. */
export interface SentMark {
  readonly user?: Readonly<Record<string, string>>
  readonly source?: Source
}

/** A failure that will not pass by itself; the data stays until a person or a new change acts. */
export interface Parked {
  readonly kind: StoreErrorKind
  readonly message: string
  readonly at: Milliseconds
  /** The bytes may not be whole: only a new change goes on with it, not one more try. */
  readonly doubtful?: boolean
}

/** One key's whole record in the journal. */
export interface KeyRecord {
  readonly key: Key
  readonly desired: Desired
  /**
   * The version that the desired state was built over: what a conditional write compares with.
   */
  readonly stored: StoredState
  /** Set durably before a request that may change the key leaves, so that a crash before its reply is seen. */
  readonly sending?: boolean
  /** While `sending`: how its effect is recognised. */
  readonly sent?: readonly SentMark[]
  readonly upload?: UploadRecord
  readonly parked?: Parked
}
