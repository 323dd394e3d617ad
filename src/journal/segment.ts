/**
 * A segment of the commit log (commit-log.ts): each commit is appended at once, with one write(2), and is
 * safe from a kill when that returns (the page cache outlives the process).
 *
 * A segment is a file `log/NNNNNNNN`:
 *   head:  8 bytes `pailfs\x01\n`, the format in the 7th; then one frame with {"boot": the kernel's boot id}
 *   frame: u32 payload length, u32 crc32 of the payload, payload (JSON)   (little endian)
 *     {"p": [records put], "r": [keys removed]}   one commit, applied whole or not at all
 *     {"s": [segment, length]}                    all before this place, staged bytes included, is on the disk
 *     {"d": [staged files]}                       these are about to be changed; on the disk before they are
 * The first frame that is cut short or whose crc does not fit ends the log: frames are a prefix of the commits.
 * Replaying a commit that the database has already is harmless, since each frame says what is, not what changes.
 */
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { KeyRecord, StageId } from '../core/state.ts'
import type { Bytes } from '../core/types.ts'
import { syncData, writeAllSync } from './file-io.ts'

const MAGIC = Buffer.from('pailfs\x01\n', 'latin1')
const HEAD = 8
const SCRATCH: Bytes = 256 << 10

/** What a frame says. */
export interface Entry {
  readonly p?: readonly KeyRecord[]
  readonly r?: readonly string[]
  readonly s?: readonly [segment: number, length: Bytes]
  readonly d?: readonly StageId[]
}

/** A place in the log. */
export interface Place {
  readonly segment: number
  readonly length: Bytes
}

/** A segment that is written to. */
export class Segment {
  readonly number: number
  readonly #fd: number
  readonly #scratch: Buffer
  #length: Bytes = 0
  #synced: Bytes = 0
  #lost: unknown

  /** Makes the segment. Throws Node's errors. */
  constructor(folder: string, number: number, boot: string) {
    this.number = number
    this.#scratch = Buffer.allocUnsafeSlow(SCRATCH)
    const path = segmentPath(folder, number)
    this.#fd = openSync(path, 'wx', 0o600)
    try {
      writeAllSync(this.#fd, MAGIC, 0)
      this.#length = MAGIC.length
      this.append(JSON.stringify({ boot }))
    } catch (error) {
      closeSync(this.#fd)
      unlinkSync(path)
      throw error
    }
  }

  get length(): Bytes {
    return this.#length
  }

  /** Appends one frame, or throws Node's error and leaves the segment as it was. */
  append(json: string): void {
    const bytes =
      json.length * 3 + HEAD <= SCRATCH ? this.#scratch : Buffer.allocUnsafe(json.length * 3 + HEAD)
    const length = bytes.write(json, HEAD, 'utf8')
    const frame = bytes.subarray(0, HEAD + length)
    frame.writeUInt32LE(length, 0)
    frame.writeUInt32LE(crc32(frame.subarray(HEAD)), 4)
    try {
      writeAllSync(this.#fd, frame, this.#length)
    } catch (error) {
      ftruncateSync(this.#fd, this.#length)
      throw error
    }
    this.#length += frame.length
  }

  /** What was appended before the call is on the disk. Once it has failed it fails for ever. */
  async sync(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost
    const length = this.#length
    if (length === this.#synced) return
    try {
      await syncData(this.#fd)
      this.#synced = Math.max(length, this.#synced)
    } catch (error) {
      this.#lost = error
      throw error
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

export function segmentPath(folder: string, number: number): string {
  return join(folder, String(number).padStart(8, '0'))
}

/** The numbers of the segments there are, in order. */
export function segmentsIn(folder: string): readonly number[] {
  const names = readdirSync(folder).filter(name => /^\d{8}$/.test(name))
  return names.map(Number).sort((a, b) => a - b)
}

export function removeSegment(folder: string, number: number): void {
  unlinkSync(segmentPath(folder, number))
}

/** What could be read of a segment. */
export interface SegmentContents {
  readonly boot: string
  /** The commits and marks, each with the length of the segment after it. */
  readonly entries: readonly { readonly entry: Entry; readonly end: Bytes }[]
  /** Bytes at the end that make no whole frame. */
  readonly torn: Bytes
}

/** Reads a segment; one cut short before its head was whole is empty. Throws if its format is a newer one. */
export function readSegment(folder: string, number: number): SegmentContents {
  const bytes = readFileSync(segmentPath(folder, number))
  const magic = bytes.subarray(0, MAGIC.length)
  if (!magic.equals(MAGIC)) {
    const format = magic.subarray(0, 6).toString('latin1') === 'pailfs' ? magic[6] : undefined
    if (format !== undefined && format > 1) throw new Error(`log segment of format ${format}`)
    return { boot: '', entries: [], torn: bytes.length }
  }
  const entries: { entry: Entry; end: Bytes }[] = []
  let boot: string | undefined
  let at = MAGIC.length
  while (at + HEAD <= bytes.length) {
    const end = at + HEAD + bytes.readUInt32LE(at)
    if (end > bytes.length) break
    const payload = bytes.subarray(at + HEAD, end)
    if (payload.length === 0 || crc32(payload) !== bytes.readUInt32LE(at + 4)) break
    const said = JSON.parse(payload.toString('utf8')) as Entry & { boot: string }
    if (boot === undefined) ({ boot } = said)
    else entries.push({ entry: said, end })
    at = end
  }
  return { boot: boot ?? '', entries, torn: bytes.length - at }
}
