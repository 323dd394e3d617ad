/**
 * The map log of a staged file with a base: how `base`, `baseLimit` and `own` are kept on disk. Pure.
 *
 * The file is a row of frames, only ever appended to; a compaction writes a new file and renames it.
 *   frame: u32 crc32 of what follows in the frame, u16 type, u16 payload length, payload   (little endian)
 *   BEGIN (1): JSON {v, base, limit}: first, and only first; v is the format, 1
 *   OWN   (2): f64 start, f64 end: these bytes are the file's from here on (a write or a fill)
 *   LIMIT (3): f64 limit: the base shows only below it
 *   BASE  (4): JSON source: the base's bytes are now these
 * A frame that is cut short or whose crc does not fit ends the log: what follows was never acknowledged.
 */
import { crc32 } from 'node:zlib'
import { add, clip } from '../core/extents.ts'
import type { Source } from '../core/state.ts'
import type { Bytes, Range } from '../core/types.ts'

const BEGIN = 1
const OWN = 2
const LIMIT = 3
const BASE = 4
const HEAD = 8
export const MAP_FORMAT = 1

/** What a map log says. `length` is where its good frames end: what is beyond is to be cut off. */
export interface StageMap {
  readonly base: Source | undefined
  readonly baseLimit: Bytes
  readonly own: readonly Range[]
  readonly length: Bytes
}

function frame(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(4, type, true)
  view.setUint16(6, payload.length, true)
  bytes.set(payload, HEAD)
  view.setUint32(0, crc32(bytes.subarray(4)), true)
  return bytes
}

function numbers(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => view.setFloat64(8 * index, value, true))
  return bytes
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** The frame a log begins with. */
export function beginFrame(base: Source | undefined, limit: Bytes): Uint8Array {
  return frame(BEGIN, json({ v: MAP_FORMAT, ...(base && { base: plain(base) }), limit }))
}

export function ownFrame(range: Range): Uint8Array {
  return frame(OWN, numbers(range.start, range.end))
}

export function limitFrame(limit: Bytes): Uint8Array {
  return frame(LIMIT, numbers(limit))
}

export function baseFrame(base: Source): Uint8Array {
  return frame(BASE, json(plain(base)))
}

/** A whole log that says the same in as few frames as it can. */
export function compactMap(map: Omit<StageMap, 'length'>): Uint8Array {
  const frames = [beginFrame(map.base, map.baseLimit), ...map.own.map(ownFrame)]
  const bytes = new Uint8Array(frames.reduce((sum, one) => sum + one.length, 0))
  let at = 0
  for (const one of frames) {
    bytes.set(one, at)
    at += one.length
  }
  return bytes
}

/** Reads a log. Undefined if not even its first frame can be read; throws if its format is a newer one. */
export function readMap(bytes: Uint8Array): StageMap | undefined {
  let map: { base: Source | undefined; baseLimit: Bytes; own: readonly Range[] } | undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + HEAD <= bytes.length) {
    const type = view.getUint16(at + 4, true)
    const end = at + HEAD + view.getUint16(at + 6, true)
    if (end > bytes.length || crc32(bytes.subarray(at + 4, end)) !== view.getUint32(at, true)) break
    const number = (index: number) => view.getFloat64(at + HEAD + 8 * index, true)
    const text = () => new TextDecoder().decode(bytes.subarray(at + HEAD, end))
    if (map === undefined) {
      if (type !== BEGIN) break
      const begin = JSON.parse(text()) as { v: number; base?: Source; limit: Bytes }
      if (begin.v > MAP_FORMAT) throw new Error(`map log of format ${begin.v}`)
      map = { base: begin.base, baseLimit: begin.limit, own: [] }
    } else if (type === OWN) {
      const range = { start: number(0), end: Math.min(number(1), map.baseLimit) }
      map.own = add(map.own, range)
    } else if (type === LIMIT) {
      map.baseLimit = Math.min(map.baseLimit, number(0))
      map.own = clip(map.own, map.baseLimit)
    } else if (type === BASE) map.base = JSON.parse(text()) as Source
    at = end
  }
  return map && { ...map, length: at }
}

/** Only what a source has, should the caller's object have more. */
function plain(source: Source): Source {
  return { key: source.key, etag: source.etag, size: source.size }
}
