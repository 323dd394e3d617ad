/**
 * Memory for bodies on their way to the bucket: a bound on their sum, and buffers of parts used again, since fresh
 * memory of that size costs the kernel as much as copying it does.
 */
import { Semaphore } from '../core/lock.ts'
import type { Bytes } from '../core/types.ts'

/** Smaller ones are left to the garbage collector. */
const WORTH_KEEPING: Bytes = 1024 * 1024

export class Bodies {
  readonly #room: Semaphore
  readonly #most: Bytes
  readonly #idle: Uint8Array[] = []

  /** `most`: bytes of all bodies together. */
  constructor(most: Bytes) {
    this.#most = most
    this.#room = new Semaphore(most)
  }

  /** Runs `work` with room for `size` bytes; a buffer that it takes is given back when it settles. */
  run<T>(size: Bytes, work: (take: (length: Bytes) => Uint8Array) => Promise<T>): Promise<T> {
    return this.#room.run(size, async () => {
      const taken: Uint8Array[] = []
      const take = (length: Bytes) => {
        if (length < WORTH_KEEPING) return new Uint8Array(length)
        const buffer = this.#reused(length) ?? new Uint8Array(length)
        taken.push(buffer)
        return buffer.subarray(0, length)
      }
      try {
        return await work(take)
      } finally {
        for (const buffer of taken) this.#keep(buffer)
      }
    })
  }

  /** A kept buffer of about that length: one much larger would be held for little. */
  #reused(length: Bytes): Uint8Array | undefined {
    const at = this.#idle.findIndex(one => one.length >= length && one.length <= 2 * length)
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0]
  }

  #keep(buffer: Uint8Array): void {
    this.#idle.push(buffer)
    let sum = this.#idle.reduce((total, one) => total + one.length, 0)
    while (sum > this.#most) sum -= this.#idle.shift()!.length
  }
}
