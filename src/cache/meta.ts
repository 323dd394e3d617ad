/** The contract of the attribute cache: metadata by version, which can be evicted but not stale. */
import type { ETag, Key, Milliseconds, ObjectMeta } from '../core/types.ts'

export interface MetaCache {
  get(key: Key, etag: ETag, modified: Milliseconds): ObjectMeta | undefined
  /** Best effort; durable some time later. */
  set(key: Key, etag: ETag, modified: Milliseconds, meta: ObjectMeta): void
  close(): Promise<void>
}
