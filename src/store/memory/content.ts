/**
 * The bytes of one stored version: pieces in order, shared between copies and never changed. A piece can
 * also be made up on demand, so that a test has objects of many gigabytes for nothing.
 */
import { createHash } from 'node:crypto'
import type { Bytes, ETag, Range } from '../../core/types.ts'
import type { Body } from '../store.ts'

/** Fills `into` with the bytes at `offset`; must always give the same. */
export type Generator = (offset: Bytes, into: Uint8Array) => void

interface Piece {
  readonly size: Bytes
  read(offset: Bytes, into: Uint8Array): void
}

export class Content {
  readonly size: Bytes
  readonly #pieces: readonly Piece[]

  private constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces
    this.size = pieces.reduce((sum, piece) => sum + piece.size, 0)
  }

  /** A copy of the body's bytes. */
  static of(body: Body): Content {
    const parts = body instanceof Uint8Array ? [body] : body
    return new Content(parts.filter(part => part.length > 0).map(part => held(part.slice())))
  }

  static generated(size: Bytes, generator: Generator): Content {
    return new Content([{ size, read: generator }])
  }

  static concat(contents: readonly Content[]): Content {
    return new Content(contents.flatMap(content => content.#pieces))
  }

  slice(range: Range): Content {
    const pieces: Piece[] = []
    let at = 0
    for (const piece of this.#pieces) {
      const start = Math.max(range.start - at, 0)
      const end = Math.min(range.end - at, piece.size)
      if (start < end) pieces.push(cut(piece, start, end))
      at += piece.size
    }
    return new Content(pieces)
  }

  /** Fills all of `into`, which must lie within the content. */
  read(offset: Bytes, into: Uint8Array): void {
    let at = 0
    for (const piece of this.#pieces) {
      const start = Math.max(offset, at)
      const end = Math.min(offset + into.length, at + piece.size)
      if (start < end) piece.read(start - at, into.subarray(start - offset, end - offset))
      at += piece.size
      if (at >= offset + into.length) return
    }
  }

  /** The MD5 of the bytes, as S3's ETag of a single PUT. */
  hash(): ETag {
    const hash = createHash('md5')
    const block = new Uint8Array(Math.min(this.size, 1 << 20))
    for (let at = 0; at < this.size; at += block.length) {
      const some = block.subarray(0, Math.min(block.length, this.size - at))
      this.read(at, some)
      hash.update(some)
    }
    return hash.digest('hex')
  }
}

/** S3's ETag of an object of parts. */
export function hashOfParts(etags: readonly ETag[]): ETag {
  const hash = createHash('md5')
  for (const etag of etags) hash.update(etag)
  return `${hash.digest('hex')}-${etags.length}`
}

function held(bytes: Uint8Array): Piece {
  return {
    size: bytes.length,
    read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
  }
}

function cut(piece: Piece, start: Bytes, end: Bytes): Piece {
  if (start === 0 && end === piece.size) return piece
  return { size: end - start, read: (offset, into) => piece.read(start + offset, into) }
}
