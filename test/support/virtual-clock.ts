/**
 * Time that passes only when everybody waits: timers fire in order as soon as no promise has work left, so an
 * hour of the program takes milliseconds and a seed repeats a run.
 */
import type { Clock, Random, Timer } from '../../src/core/ports.ts'

interface Waiting {
  readonly at: number
  readonly order: number
  readonly call: () => void
}

export class VirtualClock implements Clock {
  #now = 1_700_000_000_000
  #order = 0
  #waiting: Waiting[] = []

  now(): number {
    return this.#now
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#waiting.length
  }

  after(delay: number, call: () => void): Timer {
    const entry: Waiting = { at: this.#now + Math.max(0, delay), order: this.#order++, call }
    const at = this.#waiting.findIndex(other => other.at > entry.at)
    if (at < 0) this.#waiting.push(entry)
    else this.#waiting.splice(at, 0, entry)
    return {
      cancel: () => {
        const at = this.#waiting.indexOf(entry)
        if (at >= 0) this.#waiting.splice(at, 1)
      },
    }
  }

  /** Lets time pass until the promise settles; throws when nothing is left that could settle it. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const mark = (): void => void (settled = true)
    void promise.then(mark, mark)
    for (;;) {
      await idle()
      if (settled) return promise
      if (!this.#fire())
        throw new Error('stuck: nothing is pending and the promise has not settled')
    }
  }

  /** Lets `span` ms pass, with everything that happens in them. */
  async pass(span: number): Promise<void> {
    const end = this.#now + span
    for (;;) {
      await idle()
      if ((this.#waiting[0]?.at ?? Infinity) > end) break
      this.#fire()
    }
    this.#now = end
  }

  /** A promise for tests: resolves after `delay` of this clock. */
  sleep(delay: number): Promise<void> {
    return new Promise(resolve => this.after(delay, resolve))
  }

  #fire(): boolean {
    const next = this.#waiting.shift()
    if (next === undefined) return false
    this.#now = Math.max(this.#now, next.at)
    next.call()
    return true
  }
}

/** Resolves when all promises that can go on have done so. */
export function idle(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}

/** A repeatable source of chance (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
