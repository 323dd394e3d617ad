/**
 * How long those who wait for a key are left without an answer. Each has a timer of its own, so that it ends in time
 * also while no attempt ends: when the key has failed for the whole patience, or when the server, asked, says nothing.
 * What they waited for is sent all the same, later.
 */
import { StoreError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import type { ObjectStore } from '../store/store.ts'
import type { KeyState, Waiter } from './key-state.ts'
import { dropWaiter } from './waiters.ts'

/** A request without progress is given up after this part of the patience (mount/open-store.ts). */
export const STALLS = 4

export interface PatiencePorts {
  readonly store: ObjectStore
  readonly clock: Clock
  /** How long a waiter hears nothing of failures that may pass. */
  readonly patience: Milliseconds
}

export class Patience {
  readonly #ports: PatiencePorts
  readonly #first: Milliseconds
  #asking: Promise<StoreError | undefined> | undefined

  constructor(ports: PatiencePorts) {
    this.#ports = ports
    // The last part is for the question whether the server is there.
    this.#first = ports.patience - ports.patience / STALLS
  }

  /** Begins a waiter's time. */
  watch(state: KeyState, waiter: Waiter): void {
    if (Number.isFinite(this.#first)) this.#lookIn(this.#first, state, waiter)
  }

  #lookIn(delay: Milliseconds, state: KeyState, waiter: Waiter): void {
    if (waiter.settled) return
    waiter.timer = this.#ports.clock.after(delay, () => void this.#look(state, waiter))
  }

  async #look(state: KeyState, waiter: Waiter): Promise<void> {
    if (waiter.settled) return
    if (state.failures > 0 && state.lastError) {
      const left = this.#left(state, waiter)
      if (left <= 0) dropWaiter(state, waiter, state.lastError)
      else this.#lookIn(left, state, waiter)
      return
    }
    // Its request goes on, or it waits for its turn behind others: fine as long as the server is there.
    const silent = await this.#ask(state)
    if (waiter.settled) return
    if (silent) dropWaiter(state, waiter, this.#gone(state, silent))
    else this.#lookIn(this.#first, state, waiter)
  }

  #left({ failingSince }: KeyState, { since }: Waiter): Milliseconds {
    const { clock, patience } = this.#ports
    return Math.max(since, failingSince) + patience - clock.now()
  }

  /** Why the server gives no answer; undefined if it does, whatever it says. One question for all who wait. */
  #ask({ key }: KeyState): Promise<StoreError | undefined> {
    this.#asking ??= this.#ports.store
      .head(key)
      .then(
        () => undefined,
        (error: unknown) => (error instanceof StoreError && error.passing ? error : undefined),
      )
      .finally(() => (this.#asking = undefined))
    return this.#asking
  }

  #gone({ key }: KeyState, cause: StoreError): StoreError {
    const message = `${key} is not in the bucket yet: ${cause.message}`
    return new StoreError(cause.kind, message, { ...cause.details, operation: 'flush', key, cause })
  }
}
