/**
 * The chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), decoded incrementally. Pure.
 * Chunk extensions and trailers are skipped; their length is bounded.
 */
import { HttpError } from './types.ts'

type State = 'size' | 'data' | 'data-end' | 'trailer' | 'done'

const LF = 10
const MAX_LINE = 4096

export class ChunkDecoder {
  #state: State = 'size'
  #line = ''
  #left = 0
  #trailers = 0

  get done(): boolean {
    return this.#state === 'done'
  }

  /** Bytes of the current chunk's data still to come. */
  get left(): number {
    return this.#left
  }

  /** So many data bytes of the current chunk went past the decoder; at most `left`. */
  skip(count: number): void {
    this.#left -= count
    if (this.#left === 0) this.#state = 'data-end'
  }

  /** Decodes, giving data to `out`; returns how many bytes belonged to this body. Throws HttpError `protocol`. */
  feed(bytes: Uint8Array, out: (data: Uint8Array) => void): number {
    let at = 0
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const count = Math.min(this.#left, bytes.length - at)
        out(bytes.subarray(at, at + count))
        this.skip(count)
        at += count
        continue
      }
      const end = bytes.indexOf(LF, at)
      const upTo = end < 0 ? bytes.length : end
      this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + at, upTo - at).toString('latin1')
      if (this.#line.length > MAX_LINE) throw bad('too long')
      at = upTo
      if (end < 0) break
      at++
      const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line
      this.#line = ''
      this.#endOfLine(line)
    }
    return at
  }

  #endOfLine(line: string): void {
    if (this.#state === 'data-end') {
      if (line !== '') throw bad('no line end after its data')
      this.#state = 'size'
    } else if (this.#state === 'size') {
      const match = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line)
      if (match === null) throw bad('bad size')
      this.#left = Number.parseInt(match[1] as string, 16)
      this.#state = this.#left === 0 ? 'trailer' : 'data'
    } else if (line === '') {
      this.#state = 'done'
    } else if (++this.#trailers > 100) {
      throw bad('too many trailers')
    }
  }
}

function bad(what: string): HttpError {
  return new HttpError('protocol', `bad chunk in the reply: ${what}`, true)
}
