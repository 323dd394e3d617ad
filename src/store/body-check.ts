/**
 * Whether the body of a small object is what its ETag says: where that is the MD5 of the content, a byte that was
 * changed on the way is noticed before anybody has it. Of larger bodies, parts are handed on before the end has come.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Bytes, ETag, Range } from '../core/types.ts'

/** Larger bodies are not checked: one page of the cache (core/page.ts). */
const LARGEST: Bytes = 128 * 1024
/** The same digest so many times is no damage: the ETag is something else (encryption by the server makes such). */
const SURE = 4
/** So many ETags that are something else: the store has no others. */
const MANY = 3
/** Digests remembered at most. */
const REMEMBERED = 1000

/** One for a store: it learns whether ETags are MD5s there. */
export class BodyChecks {
  /** How often which digest came with an ETag that it does not fit. */
  readonly #odd = new Map<ETag, { readonly digest: string; count: number }>()
  #others = 0

  /** A check for the body of an object of that size, asked for by `range`; undefined where there is nothing to check. */
  begin(etag: ETag, size: Bytes, range: Range | undefined): BodyCheck | undefined {
    if (size === 0 || size > LARGEST || this.#others >= MANY) return undefined
    if (!/^[0-9a-f]{32}$/.test(etag)) return undefined
    if (range !== undefined && (range.start > 0 || range.end < size)) return undefined
    return new BodyCheck(size, digest => this.#fits(etag, digest))
  }

  #fits(etag: ETag, digest: string): boolean {
    if (digest === etag) return true
    const before = this.#odd.get(etag)
    const known = before?.digest === digest ? before : { digest, count: 0 }
    if (known.count >= SURE) return true
    known.count += 1
    if (this.#odd.size >= REMEMBERED) this.#odd.clear()
    this.#odd.set(etag, known)
    if (known.count < SURE) return false
    this.#others += 1
    return true
  }
}

export class BodyCheck {
  readonly #hash: Hash = createHash('md5')
  readonly #fits: (digest: string) => boolean
  #left: Bytes

  constructor(size: Bytes, fits: (digest: string) => boolean) {
    this.#left = size
    this.#fits = fits
  }

  /** The next bytes; false when they were the last and the whole is not what it should be. */
  add(bytes: Uint8Array): boolean {
    this.#hash.update(bytes)
    this.#left -= bytes.byteLength
    return this.#left !== 0 || this.#fits(this.#hash.digest('hex'))
  }
}
