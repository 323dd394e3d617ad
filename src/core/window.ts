/**
 * The read-ahead window of one handle: a pure state machine from reads to what should be on its way.
 *
 * - A read that goes on where the reads before it ended is sequential. The distance ahead starts at `min` and
 *   doubles, at most once a read, while it is not more than twice what the run has read; so what is fetched
 *   and never wanted stays below four times what was wanted (and `min`).
 * - The kernel sends up to 64 reads of 128 KiB at once and they arrive in any order. So a read a little beyond
 *   the front counts as going on, and one a little behind it as late: late reads change nothing.
 * - Anything else is a seek: the run is over, and the read fetches what it needs.
 *
 * The far end of the window moves in steps of a quarter of the distance, so that what is new in it is worth a
 * request: a window of 32 MiB asks for 8 MiB at a time, not for each page the reader has passed.
 */
import type { Bytes, Range } from './types.ts'
import { PAGE_SIZE } from './page.ts'

export interface Window {
  /** The highest end of a read in this run: the next read is expected there. */
  readonly front: Bytes
  /** Bytes that the run has read. */
  readonly run: Bytes
  /** How far ahead of the front to have bytes; 0 until the handle is known to read on. */
  readonly distance: Bytes
}

/** Bounds of the distance in bytes: its first value, and its largest (0: no read-ahead). */
export interface WindowLimits {
  readonly min: Bytes
  readonly max: Bytes
}

/** Reads in flight at once from one kernel reader. */
const IN_FLIGHT = 64
/** How many reads may be missing between the front and a read that makes a run out of two reads. */
const LOOSE_START = 4

/** A handle that has read nothing: a read at offset 0 begins a run. */
export function initialWindow(): Window {
  return { front: 0, run: 0, distance: 0 }
}

/** How far from the front a read may be and still belong to the run. */
function tolerance(window: Window, length: Bytes): Bytes {
  return Math.min(length, PAGE_SIZE) * (window.distance === 0 ? LOOSE_START : IN_FLIGHT)
}

function grown(window: Window, run: Bytes, limits: WindowLimits): Bytes {
  const { distance } = window
  if (distance === 0) return Math.min(limits.min, limits.max)
  return distance <= 2 * run ? Math.min(2 * distance, limits.max) : distance
}

function aheadOf(window: Window, size: Bytes): Range | undefined {
  const { front, distance } = window
  if (distance === 0) return undefined
  const step = Math.max(1, Math.floor(distance / 4 / PAGE_SIZE)) * PAGE_SIZE
  const far = front + distance
  const end = Math.min(size, distance < step ? far : Math.floor(far / step) * step)
  return end > front ? { start: front, end } : undefined
}

/**
 * Tells the window of a read and answers with the next window and with what should be resident or in flight
 * beyond the read. The same `ahead` may come again and again: the caller fetches what is missing of it.
 */
export function advance(
  window: Window,
  offset: Bytes,
  length: Bytes,
  size: Bytes,
  limits: WindowLimits,
): { window: Window; ahead: Range | undefined } {
  const end = Math.min(offset + length, size)
  if (end <= offset) return { window, ahead: undefined }
  const reach = tolerance(window, length)
  const seek = window.run === 0 ? offset > 0 : Math.abs(offset - window.front) > reach
  if (seek) return { window: { front: end, run: end - offset, distance: 0 }, ahead: undefined }
  if (end <= window.front) return { window, ahead: aheadOf(window, size) }
  const run = window.run + (end - offset)
  const next = { front: end, run, distance: grown(window, run, limits) }
  return { window: next, ahead: aheadOf(next, size) }
}
