/**
 * Half-open byte ranges [start, end). A range is empty when its end is not beyond its start; every function
 * here takes empty ranges, and none returns one where it can return `undefined`.
 */
import type { Bytes, Range } from './types.ts'

/** Bytes in the range; 0 for an empty or inverted one. */
export function length(range: Range): Bytes {
  return Math.max(0, range.end - range.start)
}

/** Whether no byte is in it. */
export function isEmpty(range: Range): boolean {
  return range.end <= range.start
}

/** The bytes in both, or undefined when there are none. */
export function intersect(a: Range, b: Range): Range | undefined {
  const start = Math.max(a.start, b.start)
  const end = Math.min(a.end, b.end)
  return start < end ? { start, end } : undefined
}

/** Whether every byte of `inner` is in `outer`; an empty `inner` always is. */
export function contains(outer: Range, inner: Range): boolean {
  return isEmpty(inner) || (outer.start <= inner.start && inner.end <= outer.end)
}
