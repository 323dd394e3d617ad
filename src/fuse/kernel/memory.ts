/** Memory for the answers to reads, used again: a fresh megabyte would be zeroed and collected each time. */

/** Bound on what lies unused, of each size. */
const MAX_SPARE = 8
const LEAST = 4096

export class Memory {
  readonly #spare = new Map<number, Buffer[]>()

  /** At least one byte is not promised to be anything. */
  take(size: number): Buffer {
    const whole = roundUp(size)
    const memory = this.#spare.get(whole)?.pop() ?? Buffer.allocUnsafeSlow(whole)
    return size === whole ? memory : memory.subarray(0, size)
  }

  /** What `take` gave, when nothing uses it any more. */
  giveBack(memory: Buffer): void {
    const whole = Buffer.from(memory.buffer)
    const spare = this.#spare.get(whole.length)
    if (spare === undefined) this.#spare.set(whole.length, [whole])
    else if (spare.length < MAX_SPARE) spare.push(whole)
  }
}

function roundUp(size: number): number {
  let whole = LEAST
  while (whole < size) whole *= 2
  return whole
}
