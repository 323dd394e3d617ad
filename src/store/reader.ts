/**
 * The contract of reading clean bytes: pages of (key, ETag, index) in a bounded arena, filled by ranged GETs.
 */
import type { Bytes, ETag, Key, ObjectVersion, Range } from '../core/types.ts'
import type { ObjectHead } from './store.ts'

export interface ObjectReader {
  /**
   * Learns the current version of a key, for an open. When the first page of `known` is in the cache, one HEAD;
   * otherwise one GET of the first bytes, kept as pages: the answer and the data in one request.
   * An object of 0 bytes (a GET of a range of it is a 416 on most servers) must work too.
   * Rejects with StoreError.
   */
  revalidate(key: Key, known: ETag | undefined): Promise<ObjectHead>

  /**
   * Copies bytes [offset, offset + into.length) of that version into `into`, less at the end of the object, and
   * resolves with the count. Never short before the end. `ahead` (may be empty) is fetched in the background.
   * Every GET says If-Match: a replaced object rejects with kind `changed`.
   * Failures that may pass are retried, also from the middle of a body, until the read deadline, then `timeout`.
   */
  read(
    version: ObjectVersion,
    offset: Bytes,
    into: Uint8Array,
    ahead: Range | undefined,
    signal?: AbortSignal,
  ): Promise<number>

  /** What of a range of a version is here, in pieces; nothing is fetched. */
  held(version: ObjectVersion, range: Range): Iterable<{ offset: Bytes; bytes: Uint8Array }>

  /** Stops read-ahead for a version that nobody has open any more; pages that are there stay. */
  quiet(version: ObjectVersion): void

  /** Puts bytes that are known to be those of the version into the cache (after an upload). Best effort. */
  adopt(version: ObjectVersion, offset: Bytes, bytes: Uint8Array): void

  /** The same bytes are now also under another name (a server-side copy): pages are found under both. Best effort. */
  alias(from: ObjectVersion, to: ObjectVersion): void

  readonly bytes: Bytes
  close(): void
}
