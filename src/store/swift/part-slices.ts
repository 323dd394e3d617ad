/** Parts of large objects as slices of segments, and as the journal keeps them. */
import type { Key, Range } from '../../core/types.ts'
import type { Part, Upload } from '../store.ts'
import { trouble } from './errors.ts'
import { cut, sliceLength, type Slice } from './manifest.ts'
import * as names from './names.ts'

export function cutOrRange(slices: readonly Slice[], range: Range, key: Key): Slice[] {
  try {
    return cut(slices, range)
  } catch (error) {
    throw trouble('range', 'CopyPart', error instanceof Error ? error.message : String(error), key)
  }
}

export function checkId(upload: Upload): void {
  if (!names.isUploadId(upload.id))
    throw trouble('not-found', 'Upload', 'not an upload of ours', upload.key)
}

export function toPart(number: number, slices: readonly Slice[]): Part {
  const size = slices.reduce((sum, slice) => sum + sliceLength(slice), 0)
  const etags = slices.map(
    slice =>
      slice.etag + (slice.range === undefined ? '' : `:${slice.range.start}-${slice.range.end}`),
  )
  return {
    number,
    etag: etags.length === 1 ? (etags[0] ?? '') : `${etags[0] ?? ''}+${etags.length - 1}`,
    size,
    ref: JSON.stringify(slices),
  }
}

export function slicesOfPart(part: Part, upload: Upload, container: string): Slice[] {
  if (part.ref !== undefined) return JSON.parse(part.ref) as Slice[]
  return [
    {
      path: `${container}/${names.segmentOf(upload.id, part.number)}`,
      etag: part.etag,
      bytes: part.size,
    },
  ]
}
