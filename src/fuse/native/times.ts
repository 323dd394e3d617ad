/**
 * The times of utimens. fuse-native 2.2.6 passes atime twice (fuse-native.c, FUSE_METHOD utimens), but the
 * Buffer it identifies the thread with is the C struct `fuse_thread_locals_t` itself: in the one layout
 * known (LP64, 360 bytes) atime lies at 104 and mtime at 112, both signed milliseconds.
 */
import type { Nanoseconds } from '../../core/types.ts'

const STRUCT_SIZE = 360
const ATIME_AT = 104
const MTIME_AT = 112
const NANOSECONDS = 1_000_000n

/** `low` and `high` are what fuse-native passes as atime; used for both where the struct is not the known one. */
export function timesOf(
  thread: Buffer,
  low: number,
  high: number,
): { atime: Nanoseconds; mtime: Nanoseconds } {
  if (thread.length !== STRUCT_SIZE) {
    const passed = BigInt.asIntN(64, BigInt(low) + (BigInt(high) << 32n)) * NANOSECONDS
    return { atime: passed, mtime: passed }
  }
  return {
    atime: thread.readBigInt64LE(ATIME_AT) * NANOSECONDS,
    mtime: thread.readBigInt64LE(MTIME_AT) * NANOSECONDS,
  }
}
