/**
 * What the write-back settled a short while ago. A listing that was asked for before a change arrived, or one of a
 * server whose listings lag, must not undo that change in what programs see.
 */
import type { Clock } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'

interface Entry {
  readonly present: boolean
  readonly serial: number
  readonly at: Milliseconds
}

export class Recent {
  readonly #clock: Clock
  readonly #lag: () => Milliseconds
  readonly #entries = new Map<Key, Entry>()
  readonly #listings = new Set<number>()
  #serial = 0

  /** `lag`: how long listings may miss changes. */
  constructor(clock: Clock, lag: () => Milliseconds) {
    this.#clock = clock
    this.#lag = lag
  }

  /** A key was settled: its object is there now, or gone. */
  settled(key: Key, present: boolean): void {
    this.#entries.delete(key)
    this.#entries.set(key, { present, serial: ++this.#serial, at: this.#clock.now() })
    this.#purge()
  }

  /** Call before a listing is asked for; hand the result to `of` and `ended`. */
  begin(): number {
    const started = ++this.#serial
    this.#listings.add(started)
    return started
  }

  ended(started: number): void {
    this.#listings.delete(started)
    this.#purge()
  }

  /** Whether the key is known better than from a listing begun at `started`: true there, false gone. */
  of(key: Key, started: number): boolean | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    const newer = entry.serial > started || this.#clock.now() - entry.at < this.#lag()
    return newer ? entry.present : undefined
  }

  /** Keys known better than from such a listing. */
  *all(started: number): Iterable<readonly [Key, boolean]> {
    for (const [key] of this.#entries) {
      const present = this.of(key, started)
      if (present !== undefined) yield [key, present]
    }
  }

  #purge(): void {
    const oldest = Math.min(...this.#listings, Infinity)
    const limit = this.#clock.now() - this.#lag()
    for (const [key, entry] of this.#entries) {
      if (entry.at >= limit || entry.serial > oldest) return
      this.#entries.delete(key)
    }
  }
}
