/** Reading a staged file whole: its own bytes from the local file, the others from the version it is based on. */
import { missing } from '../core/extents.ts'
import { intersect } from '../core/range.ts'
import type { Bytes, Range } from '../core/types.ts'
import { StoreError } from '../core/errors.ts'
import type { ObjectReader } from '../store/reader.ts'
import type { Stage } from '../journal/journal.ts'

/** The ranges of `wanted` whose bytes only the base has. */
export function fromBase(stage: Stage, wanted: Range): readonly Range[] {
  if (!stage.base) return []
  const below = intersect(wanted, { start: 0, end: stage.baseLimit })
  return below ? missing(stage.own, below) : []
}

/** All ranges whose bytes only the base has. */
export function holesOf(stage: Stage): readonly Range[] {
  return fromBase(stage, { start: 0, end: stage.baseLimit })
}

/** Fills `into` from `offset`, short only at the end of the file; resolves with the count. Rejects with FsError or StoreError. */
export async function readStaged(
  stage: Stage,
  reader: ObjectReader,
  offset: Bytes,
  into: Uint8Array,
  signal?: AbortSignal,
): Promise<Bytes> {
  const end = Math.min(offset + into.byteLength, stage.size)
  if (end <= offset) return 0
  const holes = fromBase(stage, { start: offset, end })
  const { base } = stage
  if (holes.length !== 1 || holes[0]!.start > offset || holes[0]!.end < end) {
    const got = await stage.read(into.subarray(0, end - offset), offset)
    // A sparse tail may lie beyond the local file's last byte.
    if (got < end - offset) into.fill(0, got, end - offset)
  }
  for (const hole of holes) {
    const part = into.subarray(hole.start - offset, hole.end - offset)
    const got = await reader.read(base!, hole.start, part, undefined, signal)
    if (got !== part.byteLength) {
      throw new StoreError('corrupt', `${base!.key} is shorter than it was`, {
        operation: 'GetObject',
        key: base!.key,
      })
    }
  }
  return end - offset
}
