/**
 * How a large object is cut into parts: a layout for bytes that come in order, where the length may not be
 * known (`partLayout`), and a plan for a changed object of which only the changed bytes travel (`planParts`).
 *
 * Both keep the server's rules: at most `maxParts` parts, none over `maxPart`, none but the last under
 * `minPart`. `maxPart` must be at least twice `minPart` (S3: 5 MiB and 5 GiB).
 */
import { add, clip } from './extents.ts'
import { length } from './range.ts'
import type { Bytes, Range } from './types.ts'

/** The limits that matter here; a store's `Limits` has them. */
export interface PartLimits {
  readonly minPart: Bytes
  readonly maxPart: Bytes
  readonly maxParts: number
}

/** A way to cut a stream. Parts are numbered from 1; the end of the stream cuts the last one short. */
export interface PartLayout {
  /** The most bytes that it has parts for. */
  readonly capacity: Bytes
  /** Bytes of a part that is not the last. */
  partSize(number: number): Bytes
  /** The part that holds the byte at `offset`; over the server's `maxParts` beyond the capacity. */
  partOf(offset: Bytes): number
  /** The bytes of a part, clipped to `size` where it is given. */
  partRange(number: number, size?: Bytes): Range
}

const MIB = 1024 * 1024
/** The largest object of S3. */
const LARGEST_OBJECT = 5 * 1024 * 1024 * MIB
/** A stream's parts are of up to so many sizes, each for an equal number of parts. */
const BANDS = 10
/** Bytes of a sent part, as long as the number of parts allows. */
const SEND_SIZE = 8 * MIB

/** `count` parts of `size` bytes; the first has number `first` and begins at `start`. */
interface Band {
  readonly first: number
  readonly start: Bytes
  readonly size: Bytes
}

function layoutOf(bands: readonly Band[], capacity: Bytes): PartLayout {
  const bandWhere = (test: (band: Band) => boolean) => bands.findLast(test) ?? bands[0]!
  const startOf = (number: number) => {
    const band = bandWhere(b => b.first <= number)
    return band.start + (number - band.first) * band.size
  }
  return {
    capacity,
    partSize: number => bandWhere(band => band.first <= number).size,
    partOf: offset => {
      const band = bandWhere(b => b.start <= offset)
      return band.first + Math.floor((offset - band.start) / band.size)
    },
    partRange: (number, size = Infinity) => ({
      start: Math.min(startOf(number), size),
      end: Math.min(startOf(number + 1), size),
    }),
  }
}

/**
 * The layout for `size` bytes, all parts alike and not under `basePartSize`; or, when the size is not known, one
 * that begins with parts of `basePartSize` and has larger and larger ones. On S3 with 8 MiB: 1,000 parts of
 * 8 MiB, 1,000 of 16 MiB and so on, over 5 TiB in all.
 */
export function partLayout(
  size: Bytes | undefined,
  limits: PartLimits,
  basePartSize: Bytes,
): PartLayout {
  const { maxPart, maxParts } = limits
  const base = Math.min(Math.max(basePartSize, limits.minPart, 1), maxPart)
  if (size !== undefined) {
    const needed = Math.ceil(size / maxParts)
    const rounded = needed > MIB ? Math.ceil(needed / MIB) * MIB : needed
    const one = Math.min(Math.max(base, rounded), maxPart)
    return layoutOf([{ first: 1, start: 0, size: one }], one * maxParts)
  }
  // A layout that grows cannot reach what parts of the largest size throughout would hold: half is enough.
  const wanted = Math.min(LARGEST_OBJECT, (maxPart * maxParts) / 2)
  for (let growth = 2; ; growth *= 2) {
    const { bands, capacity } = growing(base, growth, limits)
    if (capacity >= wanted || base * growth > maxPart) return layoutOf(bands, capacity)
  }
}

function growing(
  base: Bytes,
  growth: number,
  limits: PartLimits,
): { bands: Band[]; capacity: Bytes } {
  const each = Math.max(1, Math.floor(limits.maxParts / BANDS))
  const bands: Band[] = []
  let start = 0
  let size = base
  for (let first = 1; first <= limits.maxParts; first += each) {
    bands.push({ first, start, size })
    start += size * Math.min(each, limits.maxParts - first + 1)
    size = Math.min(size * growth, limits.maxPart)
  }
  return { bands, capacity: start }
}

/** A part of a changed object: its bytes are sent, or copied on the server from the stored version. */
export interface PlannedPart {
  readonly number: number
  readonly range: Range
  readonly how: 'send' | 'copy'
}

/**
 * Cuts a changed object of `size` bytes into parts that cover it exactly, in order. Bytes in `own` and those at or
 * beyond `baseLimit` are sent; of the others only what is needed to make parts of the allowed size: fewer than
 * two `minPart` for each changed run, as long as `maxParts` allows. No parts for no bytes.
 * Throws RangeError when the limits have no room for an object of that size.
 */
export function planParts(
  size: Bytes,
  own: readonly Range[],
  baseLimit: Bytes,
  limits: PartLimits,
): PlannedPart[] {
  const { maxPart, maxParts } = limits
  if (size <= 0) return []
  if (size > maxPart * maxParts) throw new RangeError(`${size} bytes do not fit ${maxParts} parts`)
  const below = Math.min(Math.max(0, baseLimit), size)
  const dirty = add(clip(own, below), { start: below, end: size })

  for (let least = Math.max(1, limits.minPart); ; least *= 2) {
    const spans = spansOf(growRuns(dirty, size, Math.min(least, size)), size)
    const fits = (target: Bytes) =>
      spans.reduce((sum, span) => sum + partCount(span, target, limits), 0) <= maxParts
    const whole = spans.length === 1
    if (!whole && !fits(maxPart)) continue
    let target = Math.min(Math.max(SEND_SIZE, limits.minPart), maxPart)
    while (target < maxPart && !fits(target)) target = Math.min(2 * target, maxPart)
    return cut(spans, target, limits)
  }
}

/**
 * The runs to send: the dirty ones, joined where the clean bytes between them are fewer than `least`, and grown to
 * `least` at the cost of clean neighbours that stay at least as large. The last run and the clean tail may be of
 * any size, since the last part may.
 */
function growRuns(dirty: readonly Range[], size: Bytes, least: Bytes): readonly Range[] {
  const joined: Range[] = []
  for (const run of dirty) {
    const previous = joined.at(-1)
    if (run.start - (previous?.end ?? 0) >= least) joined.push(run)
    else joined[Math.max(0, joined.length - 1)] = { start: previous?.start ?? 0, end: run.end }
  }
  const sent: Range[] = []
  for (let at = 0; at < joined.length; at++) {
    let { start, end } = joined[at]!
    const next = joined[at + 1]
    const before = sent.at(-1)?.end ?? 0
    if (end < size && end - start < least) {
      // Clean bytes before the run that are not needed for a part of their own.
      start -= Math.min(least - (end - start), Math.max(0, start - before - least))
      const wanted = Math.min(start + least, size)
      if (next === undefined || next.start - wanted >= least) end = wanted
      else if (start > before && start - before < next.start - end) start = before
      else {
        joined[at + 1] = { start, end: next.end }
        continue
      }
    }
    if (start === before && sent.length > 0)
      sent[sent.length - 1] = { start: sent.at(-1)!.start, end }
    else sent.push({ start, end })
  }
  return sent
}

/** A run of bytes that all travel in the same way. */
type Span = Omit<PlannedPart, 'number'>

/** The runs to send and the clean bytes between them, in order. */
function spansOf(sent: readonly Range[], size: Bytes): Span[] {
  const spans: Span[] = []
  let at = 0
  for (const range of sent) {
    if (range.start > at) spans.push({ range: { start: at, end: range.start }, how: 'copy' })
    spans.push({ range, how: 'send' })
    at = range.end
  }
  if (at < size) spans.push({ range: { start: at, end: size }, how: 'copy' })
  return spans
}

/** How many parts a span makes: as near to `target` (copies: the largest) as the limits on a part allow. */
function partCount({ range, how }: Span, target: Bytes, limits: PartLimits): number {
  const bytes = length(range)
  const most = Math.max(1, Math.floor(bytes / Math.max(1, limits.minPart)))
  const wanted = how === 'copy' ? 1 : Math.round(bytes / target)
  return Math.max(1, Math.ceil(bytes / limits.maxPart), Math.min(most, wanted))
}

/** The spans in nearly equal pieces. */
function cut(spans: readonly Span[], target: Bytes, limits: PartLimits): PlannedPart[] {
  const parts: PlannedPart[] = []
  for (const span of spans) {
    const { range, how } = span
    const count = partCount(span, target, limits)
    const bytes = length(range)
    const each = Math.floor(bytes / count)
    const edge = (index: number) => range.start + each * index + Math.min(index, bytes % count)
    for (let index = 0; index < count; index++) {
      const piece = { start: edge(index), end: edge(index + 1) }
      parts.push({ number: parts.length + 1, range: piece, how })
    }
  }
  return parts
}
