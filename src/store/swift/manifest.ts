/**
 * Static large objects as lists of slices: parsing, writing, cutting, joining. Pure.
 * A slice is a stored segment or a range of one; order of slices is order of bytes.
 * https://docs.openstack.org/swift/latest/middleware.html#static-large-objects
 */
import { createHash } from 'node:crypto'
import type { Bytes, ETag, Range } from '../../core/types.ts'

/** A segment, or a range of it, in a manifest. */
export interface Slice {
  /** `container/object`, without a leading slash. */
  readonly path: string
  /** Of the whole segment. */
  readonly etag: ETag
  /** Of the whole segment. */
  readonly bytes: Bytes
  /** The bytes wanted of it; all where absent. */
  readonly range?: Range
  /** The segment is itself a large object. */
  readonly nested?: boolean
}

export function sliceLength(slice: Slice): Bytes {
  return slice.range === undefined ? slice.bytes : slice.range.end - slice.range.start
}

export function totalLength(slices: readonly Slice[]): Bytes {
  return slices.reduce((sum, slice) => sum + sliceLength(slice), 0)
}

/** What `?multipart-manifest=get` answers. Throws TypeError on anything that is not a manifest. */
export function parseManifest(value: unknown): Slice[] {
  if (!Array.isArray(value)) throw new TypeError('a manifest is a list')
  return value.map(parseEntry)
}

function parseEntry(value: unknown): Slice {
  const entry = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >
  const path = entry['name'] ?? entry['path']
  const bytes = Number(entry['bytes'] ?? entry['size_bytes'])
  if (typeof path !== 'string' || !Number.isSafeInteger(bytes))
    throw new TypeError('not an entry of a manifest')
  const hash = entry['hash'] ?? entry['etag']
  const match = typeof entry['range'] === 'string' ? /^(\d*)-(\d*)$/.exec(entry['range']) : null
  return {
    path: path.replace(/^\/+/, ''),
    etag: typeof hash === 'string' ? hash : '',
    bytes,
    ...(match === null ? {} : { range: parseRange(match[1] ?? '', match[2] ?? '', bytes) }),
    ...(entry['sub_slo'] === true ? { nested: true } : {}),
  }
}

/** `a-b`, `a-` and `-b` as HTTP means them. */
function parseRange(first: string, last: string, bytes: Bytes): Range {
  if (first === '') return { start: Math.max(0, bytes - Number(last)), end: bytes }
  return { start: Number(first), end: last === '' ? bytes : Math.min(bytes, Number(last) + 1) }
}

/** The body of `PUT ?multipart-manifest=put`. */
export function formatManifest(slices: readonly Slice[]): string {
  return JSON.stringify(
    slices.map(({ path, etag, bytes, range }) => ({
      path: `/${path}`,
      etag,
      size_bytes: bytes,
      ...(range === undefined ? {} : { range: `${range.start}-${range.end - 1}` }),
    })),
  )
}

/** The slices that make up `range` of the whole. Throws RangeError where it reaches beyond. */
export function cut(slices: readonly Slice[], range: Range): Slice[] {
  const result: Slice[] = []
  let at = 0
  for (const slice of slices) {
    const length = sliceLength(slice)
    const start = Math.max(range.start, at)
    const end = Math.min(range.end, at + length)
    if (start < end) {
      const from = (slice.range?.start ?? 0) - at
      result.push(narrow(slice, { start: start + from, end: end + from }))
    }
    at += length
  }
  if (range.end > at) throw new RangeError(`range ends at ${range.end}, the object at ${at}`)
  return result
}

function narrow(slice: Slice, range: Range): Slice {
  const { path, etag, bytes, nested } = slice
  const whole = range.start === 0 && range.end === bytes
  return { path, etag, bytes, ...(whole ? {} : { range }), ...(nested === true ? { nested } : {}) }
}

/** Neighbouring ranges of one segment become one. */
export function join(slices: readonly Slice[]): Slice[] {
  const result: Slice[] = []
  for (const slice of slices) {
    const last = result.at(-1)
    const range = slice.range ?? { start: 0, end: slice.bytes }
    const before = last?.range ?? { start: 0, end: last?.bytes ?? 0 }
    if (
      last !== undefined &&
      last.path === slice.path &&
      last.etag === slice.etag &&
      before.end === range.start
    ) {
      result[result.length - 1] = narrow(last, { start: before.start, end: range.end })
    } else {
      result.push(slice)
    }
  }
  return result
}

/**
 * Which runs of slices to merge into one segment each, so that at most `max` remain: as few bytes as a greedy
 * choice finds, no run over `maxBytes`. Runs are [from, to) of more than one slice, in order.
 * Undefined where it cannot be done.
 */
export function planMerge(
  slices: readonly Slice[],
  max: number,
  maxBytes: Bytes,
): readonly (readonly [number, number])[] | undefined {
  const runs = slices.map((slice, index) => ({
    from: index,
    to: index + 1,
    bytes: sliceLength(slice),
  }))
  while (runs.length > max) {
    let best = -1
    let least = Infinity
    for (let i = 0; i + 1 < runs.length; i++) {
      const sum = (runs[i]?.bytes ?? 0) + (runs[i + 1]?.bytes ?? 0)
      if (sum <= maxBytes && sum < least) [best, least] = [i, sum]
    }
    const left = runs[best]
    const right = runs[best + 1]
    if (left === undefined || right === undefined) return undefined
    runs.splice(best, 2, { from: left.from, to: right.to, bytes: least })
  }
  return runs.filter(run => run.to - run.from > 1).map(run => [run.from, run.to] as const)
}

/** The etag of a large object of whole segments, as the server makes it. */
export function plainEtag(slices: readonly Slice[]): ETag {
  const hash = createHash('md5')
  for (const { etag } of slices) hash.update(etag)
  return hash.digest('hex')
}

/** The folder of a segment: what segments of one upload have in common. */
export function groupOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? path : path.slice(0, slash)
}

/** The distinct folders of the slices' segments. */
export function groupsOf(slices: readonly Slice[]): Set<string> {
  return new Set(slices.map(slice => groupOf(slice.path)))
}

/** Paths by their folder. */
export function byGroup(paths: Iterable<string>): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const path of paths) {
    const group = groupOf(path)
    const members = groups.get(group)
    if (members === undefined) groups.set(group, [path])
    else members.push(path)
  }
  return groups
}
