/**
 * The memory of all pages: frames of PAGE_SIZE cut from chunks that are allocated when first needed and never
 * given back, up to a fixed count. Whoever takes a frame owns it until it is given back; nothing is zeroed.
 */
import { PAGE_SIZE } from '../core/page.ts'
import type { Bytes } from '../core/types.ts'

/** Bytes allocated at a time; one allocation is cheap and the process grows with use only. */
const CHUNK: Bytes = 8 * 1024 * 1024

export class Arena {
  /** How many frames there can be: at least one. */
  readonly capacity: number
  readonly #free: Uint8Array[] = []
  #cut = 0

  constructor(bytes: Bytes) {
    this.capacity = Math.max(1, Math.floor(bytes / PAGE_SIZE))
  }

  /** Bytes allocated so far. */
  get bytes(): Bytes {
    return this.#cut * PAGE_SIZE
  }

  /** Frames that are taken. */
  get taken(): number {
    return this.#cut - this.#free.length
  }

  /** A frame, or undefined when all are taken. */
  take(): Uint8Array | undefined {
    if (this.#free.length === 0) this.#grow()
    return this.#free.pop()
  }

  give(frame: Uint8Array): void {
    this.#free.push(frame)
  }

  #grow(): void {
    const count = Math.min(this.capacity - this.#cut, CHUNK / PAGE_SIZE)
    if (count === 0) return
    const chunk = new ArrayBuffer(count * PAGE_SIZE)
    for (let at = count - 1; at >= 0; at--) {
      this.#free.push(new Uint8Array(chunk, at * PAGE_SIZE, PAGE_SIZE))
    }
    this.#cut += count
  }
}
