/**
 * A sparse file in memory. Its pages are never changed but replaced, so that a copy of it shares them and costs
 * only the list. A page that nobody wrote is not there and reads as zeros.
 */
import type { Bytes } from '../core/types.ts'

const PAGE: Bytes = 4096

export class SparseBytes {
  readonly #pages: Map<number, Uint8Array>
  #size: Bytes

  constructor(size: Bytes = 0, pages: ReadonlyMap<number, Uint8Array> = new Map()) {
    this.#size = size
    this.#pages = new Map(pages)
  }

  get size(): Bytes {
    return this.#size
  }

  /** What it takes, in whole pages. */
  get taken(): Bytes {
    return PAGE * this.#pages.size
  }

  copy(): SparseBytes {
    return new SparseBytes(this.#size, this.#pages)
  }

  /** Fills `into` as far as the size goes and answers with the count. */
  read(into: Uint8Array, offset: Bytes): number {
    const count = Math.max(0, Math.min(into.length, this.#size - offset))
    for (let at = 0; at < count;) {
      const page = Math.floor((offset + at) / PAGE)
      const skip = offset + at - page * PAGE
      const step = Math.min(PAGE - skip, count - at)
      const bytes = this.#pages.get(page)
      if (bytes === undefined) into.fill(0, at, at + step)
      else into.set(bytes.subarray(skip, skip + step), at)
      at += step
    }
    return count
  }

  write(from: Uint8Array, offset: Bytes): void {
    for (let at = 0; at < from.length;) {
      const page = Math.floor((offset + at) / PAGE)
      const skip = offset + at - page * PAGE
      const step = Math.min(PAGE - skip, from.length - at)
      const bytes = this.#pages.get(page)?.slice() ?? new Uint8Array(PAGE)
      bytes.set(from.subarray(at, at + step), skip)
      this.#pages.set(page, bytes)
      at += step
    }
    if (from.length > 0) this.#size = Math.max(this.#size, offset + from.length)
  }

  truncate(size: Bytes): void {
    if (size < this.#size) {
      for (const page of this.#pages.keys()) if (page * PAGE >= size) this.#pages.delete(page)
      const last = Math.floor(size / PAGE)
      const bytes = this.#pages.get(last)?.slice()
      if (bytes !== undefined) this.#pages.set(last, bytes.fill(0, size - last * PAGE))
    }
    this.#size = size
  }
}
