/** How a memory store is set up: S3's limits unless a test says otherwise. */
import type { Clock, Random } from '../../core/ports.ts'
import type { Bytes, Milliseconds } from '../../core/types.ts'
import type { Features, Limits } from '../store.ts'

const GIB = 2 ** 30

/** Limits of S3. */
export const MEMORY_LIMITS: Limits = {
  maxPut: 5 * GIB,
  maxCopy: 5 * GIB,
  minPart: 5 * 2 ** 20,
  maxPart: 5 * GIB,
  maxParts: 10_000,
  maxKey: 1024,
  maxMeta: 2048,
  maxMetaName: 256,
  maxMetaValue: 2048,
  maxMetaCount: 100,
}

export interface MemoryStoreOptions {
  readonly clock: Clock
  readonly random: Random
  /** The bucket's name; default `bucket`. */
  readonly bucket?: string
  readonly limits?: Partial<Limits>
  readonly features?: Partial<Features>
  /** `content` (default): equal bytes have equal ETags, as on S3. `unique`: every write makes a new one. */
  readonly etags?: 'content' | 'unique'
  /** How long listings are behind; default 0. Above 0, `listingCurrent` is false. */
  readonly listingLag?: Milliseconds
  /** Most bytes the bucket may hold; default none. */
  readonly quota?: Bytes
}
