/**
 * Sets of bytes as lists of ranges: sorted, disjoint, not touching, none empty. Every function keeps that
 * and changes no list it was given; where nothing changes the same list comes back.
 *
 * Look-ups are binary searches, O(log n). A change copies the list, which for the thousands of extents a
 * badly scattered file has is a copy of some tens of KiB; the common case, a write that goes on where the
 * last one ended, touches the last extent only.
 */
import type { Bytes, Range } from './types.ts'

/** Index of the first extent whose end is at or beyond `offset`: the first that touches what begins there. */
function firstTouching(list: readonly Range[], offset: Bytes): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]!.end < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the first extent that holds `offset` or lies beyond it. */
function firstBeyond(list: readonly Range[], offset: Bytes): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]!.end <= offset) low = middle + 1
    else high = middle
  }
  return low
}

/** The list and the bytes of `range`. */
export function add(list: readonly Range[], range: Range): readonly Range[] {
  const { start, end } = range
  if (end <= start) return list
  const last = list.at(-1)
  if (last === undefined || start > last.end) return [...list, { start, end }]
  if (start >= last.start) {
    return end <= last.end ? list : list.toSpliced(-1, 1, { start: last.start, end })
  }
  const from = firstTouching(list, start)
  const first = list[from]!
  if (first.start <= start && end <= first.end) return list
  let to = from
  let low = start
  let high = end
  while (to < list.length && list[to]!.start <= end) {
    low = Math.min(low, list[to]!.start)
    high = Math.max(high, list[to]!.end)
    to++
  }
  return list.toSpliced(from, to - from, { start: low, end: high })
}

/** The list without the bytes of `range`. */
export function remove(list: readonly Range[], range: Range): readonly Range[] {
  const { start, end } = range
  if (end <= start) return list
  const from = firstBeyond(list, start)
  const kept: Range[] = []
  let to = from
  while (to < list.length && list[to]!.start < end) {
    const extent = list[to]!
    if (extent.start < start) kept.push({ start: extent.start, end: start })
    if (extent.end > end) kept.push({ start: end, end: extent.end })
    to++
  }
  return to === from ? list : list.toSpliced(from, to - from, ...kept)
}

/** The list without anything at or beyond `limit`. */
export function clip(list: readonly Range[], limit: Bytes): readonly Range[] {
  return remove(list, { start: Math.max(0, limit), end: Infinity })
}

/** The gaps: the parts of `range` that are not in the list, in order. */
export function missing(list: readonly Range[], range: Range): readonly Range[] {
  const gaps: Range[] = []
  let { start } = range
  for (let at = firstBeyond(list, start); at < list.length; at++) {
    const extent = list[at]!
    if (extent.start >= range.end) break
    if (extent.start > start) gaps.push({ start, end: extent.start })
    start = extent.end
  }
  if (start < range.end) gaps.push({ start, end: range.end })
  return gaps
}

/** Whether every byte of `range` is in the list; an empty range always is. */
export function covers(list: readonly Range[], range: Range): boolean {
  if (range.end <= range.start) return true
  const extent = list[firstBeyond(list, range.start)]
  return extent !== undefined && extent.start <= range.start && range.end <= extent.end
}

/** Whether any byte of `range` is in the list. */
export function overlaps(list: readonly Range[], range: Range): boolean {
  if (range.end <= range.start) return false
  const extent = list[firstBeyond(list, range.start)]
  return extent !== undefined && extent.start < range.end
}

/** Bytes in the list. */
export function total(list: readonly Range[]): Bytes {
  let sum = 0
  for (const extent of list) sum += extent.end - extent.start
  return sum
}
