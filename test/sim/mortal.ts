/** What dies with the daemon of a simulated life, and what sees it: its clock, and the bucket that is watched. */
import type { Clock, Timer } from '../../src/core/ports.ts'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import type { Stored } from '../../src/store/store.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'

/** How long a daemon lives: Infinity where it does not die of that. */
export interface Span {
  /** Timers until its end. */
  readonly timers: number
  /** Changes of the journal's disk until its end, the last of which is not made. */
  readonly steps: number
}

export const IMMORTAL: Span = { timers: Infinity, steps: Infinity }

/** A clock for one life of the daemon: its timers die with it, and one of them may be its end. */
export class MortalClock implements Clock {
  dead = false
  left: Span = IMMORTAL
  /** For requests: those that are on their way when the daemon dies may still arrive then. */
  readonly network: Clock = { now: () => this.now(), after: (d, call) => this.#send(d, call) }
  readonly #clock: VirtualClock
  readonly #onDeath: () => void
  readonly #onTheWay = new Set<() => void>()

  constructor(clock: VirtualClock, onDeath: () => void) {
    this.#clock = clock
    this.#onDeath = onDeath
  }

  now(): number {
    return this.#clock.now()
  }

  after(delay: number, call: () => void): Timer {
    return this.#clock.after(delay, () => {
      if (this.dead) return
      this.left = { ...this.left, timers: this.left.timers - 1 }
      if (this.left.timers > 0) call()
      else this.die()
    })
  }

  /** The journal's disk is about to change. */
  step(): void {
    if (this.dead) return
    this.left = { ...this.left, steps: this.left.steps - 1 }
    if (this.left.steps <= 0) this.die()
  }

  die(): void {
    if (this.dead) return
    this.dead = true
    this.#onDeath()
    for (const call of this.#onTheWay) call()
  }

  #send(delay: number, call: () => void): Timer {
    this.#onTheWay.add(call)
    const timer = this.after(delay, () => {
      this.#onTheWay.delete(call)
      call()
    })
    const cancel = () => {
      this.#onTheWay.delete(call)
      timer.cancel()
    }
    return { cancel }
  }
}

/** A bucket that tells what arrives in it. */
export class WatchedStore extends MemoryStore {
  onStored: (key: string) => void = () => {}

  override async put(...args: Parameters<MemoryStore['put']>): Promise<Stored> {
    const stored = await super.put(...args)
    this.onStored(args[0])
    return stored
  }

  override async completeUpload(
    ...args: Parameters<MemoryStore['completeUpload']>
  ): Promise<Stored> {
    const stored = await super.completeUpload(...args)
    this.onStored(args[0].key)
    return stored
  }
}
