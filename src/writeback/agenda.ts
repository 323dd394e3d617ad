/** Which key is next, and when: due times, one request a key, a bound on requests under way. */
import { DueQueue } from '../core/due-queue.ts'
import type { Clock, Timer } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'
import type { KeyState } from './key-state.ts'

export interface AgendaPorts {
  readonly clock: Clock
  /** Requests under way at once. */
  readonly atOnce: number
  /** Called with a key that is due, is not busy, and has a place. */
  start(key: Key): void
}

export class Agenda {
  readonly #ports: AgendaPorts
  readonly #queue = new DueQueue()
  #running = 0
  #timer: Timer | undefined
  #timerAt = Infinity
  #closed = false

  constructor(ports: AgendaPorts) {
    this.#ports = ports
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Due at that time; at once when somebody waits; not at all while parked, busy, or open with nobody waiting. */
  schedule(state: KeyState, due: Milliseconds): void {
    state.due = due
    if (state.busy || this.#closed) return
    if (state.parked) return this.#queue.delete(state.key)
    if (state.open && state.waiters.length === 0) return this.#queue.delete(state.key)
    const wanted = state.waiters.length > 0 && state.failures === 0
    this.#queue.set(state.key, wanted ? 0 : due)
    this.arm()
  }

  /** Another key needs this one to go first. */
  urge(key: Key, due: Milliseconds): void {
    this.#queue.set(key, due)
    this.arm()
  }

  drop(key: Key): void {
    this.#queue.delete(key)
  }

  /** A request for it begins. Not `counted`: one of many keys in one request. */
  occupy(state: KeyState, counted = true): void {
    state.busy = true
    state.counted = counted
    state.busyRev = state.rev
    state.busySince = this.#ports.clock.now()
    if (counted) this.#running += 1
    this.#queue.delete(state.key)
  }

  free(state: KeyState): void {
    state.busy = false
    if (state.counted) this.#running -= 1
  }

  /** Call when a place has become free. */
  arm(): void {
    const next = this.#queue.next()
    const { clock, atOnce } = this.#ports
    if (next === undefined || this.#running >= atOnce || this.#closed) return
    if (this.#timer && this.#timerAt <= next) return
    this.#timer?.cancel()
    this.#timerAt = next
    this.#timer = clock.after(Math.max(0, next - clock.now()), () => {
      this.#timer = undefined
      this.#pump()
    })
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #pump(): void {
    const now = this.#ports.clock.now()
    while (this.#running < this.#ports.atOnce && !this.#closed) {
      const key = this.#queue.take(now)
      if (key === undefined) break
      this.#ports.start(key)
    }
    this.arm()
  }
}
