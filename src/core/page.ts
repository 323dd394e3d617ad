/**
 * Pages: the cache's unit. Page `index` holds the bytes from `index * PAGE_SIZE` on; only an object's last
 * page may be shorter. The size is that of the kernel's largest ordinary read-ahead request.
 */
import type { Bytes, Range } from './types.ts'

/** Bytes in a page: 128 KiB. */
export const PAGE_SIZE: Bytes = 128 * 1024

/** Page indices from `first` to `last`, both included; `last < first` when there are none. */
export interface PageSpan {
  readonly first: number
  readonly last: number
}

/** The page that holds the byte at `offset`. */
export function pageOf(offset: Bytes): number {
  return Math.floor(offset / PAGE_SIZE)
}

/** The pages that a range touches; for an empty range `last` is `first - 1`. */
export function pagesOf(range: Range): PageSpan {
  const first = pageOf(range.start)
  if (range.end <= range.start) return { first, last: first - 1 }
  return { first, last: pageOf(range.end - 1) }
}

/** How many pages an object of `size` bytes has. */
export function pageCount(size: Bytes): number {
  return Math.ceil(size / PAGE_SIZE)
}

/** The bytes of a page, clipped to an object of `size` bytes; empty (`start === end`) beyond its end. */
export function pageRange(index: number, size: Bytes): Range {
  return spanRange({ first: index, last: index }, size)
}

/** The bytes of pages `first` to `last`, clipped to an object of `size` bytes. */
export function spanRange(span: PageSpan, size: Bytes): Range {
  const start = Math.min(span.first * PAGE_SIZE, size)
  return { start, end: Math.max(start, Math.min((span.last + 1) * PAGE_SIZE, size)) }
}

/** The smallest range of whole pages that holds `range`, clipped to an object of `size` bytes. */
export function wholePages(range: Range, size: Bytes): Range {
  return spanRange(pagesOf(range), size)
}
