/**
 * Deletes travel together: a key that shall be gone waits until nothing more is being deleted for a moment, or until
 * there are enough for a full request. One key alone goes as a plain, conditional DELETE.
 */
import type { Clock } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'
import type { ObjectStore } from '../store/store.ts'
import { deleteCondition } from './executor.ts'
import type { KeyState } from './key-state.ts'
import { nextAction } from './plan.ts'
import type { KeyStates } from './states.ts'

export interface DeletesPorts {
  readonly store: ObjectStore
  readonly states: KeyStates
  readonly clock: Clock
  /** How long no further delete must come before an unfilled request goes. */
  readonly rest: Milliseconds
  /** Called before a request leaves: marks the keys busy and sending, durably. May throw. */
  readonly began: (states: readonly KeyState[]) => void
  /** Called once for each key of a request. */
  readonly done: (state: KeyState, error: unknown) => void
}

/** No delete is held longer than this for the sake of company. */
const LONGEST: Milliseconds = 10_000

export class Deletes {
  readonly #ports: DeletesPorts
  #lastAdded = 0
  /** Deletes that came since the last request left. */
  #gathered = 0
  #closed = false

  constructor(ports: DeletesPorts) {
    this.#ports = ports
  }

  /** One more key shall be gone. */
  added(state: KeyState): void {
    this.#lastAdded = this.#ports.clock.now()
    this.#gathered += 1
    const { deleteBatch } = this.#ports.store.features
    if (deleteBatch > 1 && this.#gathered >= deleteBatch) this.#send(state)
  }

  close(): void {
    this.#closed = true
  }

  /** A delete is due: sends it with all others that can go, or asks to be called again at a later time. */
  due(state: KeyState, later: (due: Milliseconds) => void): void {
    const { clock, rest } = this.#ports
    const now = clock.now()
    const wait = this.#lastAdded + rest
    const urgent = state.waiters.length > 0 || now - state.since > LONGEST
    if (!urgent && now < wait) return later(wait)
    this.#send(state)
  }

  #send(first: KeyState): void {
    if (this.#closed) return
    this.#gathered = 0
    const { store, states } = this.#ports
    const most = store.features.deleteBatch
    const batch: KeyState[] = []
    for (const key of most > 1 ? withFirst(first.key, states.absent) : [first.key]) {
      const state = states.get(key)
      if (!state || state.busy || state.parked || (state.failures > 0 && state !== first)) continue
      if (state.open && state.waiters.length === 0) continue
      if (nextAction(state, states.dependentsOf(key)).do !== 'delete') continue
      batch.push(state)
      if (batch.length >= most) break
    }
    if (batch.length === 0) return
    try {
      this.#ports.began(batch)
    } catch (error) {
      for (const state of batch) this.#ports.done(state, error)
      return
    }
    void this.#request(batch)
  }

  async #request(batch: readonly KeyState[]): Promise<void> {
    const { store, done } = this.#ports
    try {
      if (batch.length === 1) {
        await store.delete(batch[0]!.key, deleteCondition(batch[0]!))
        return done(batch[0]!, undefined)
      }
      const failed = await store.deleteMany(batch.map(state => state.key))
      for (const state of batch) done(state, failed.get(state.key))
    } catch (error) {
      for (const state of batch) if (state.busy) done(state, error)
    }
  }
}

function* withFirst(first: Key, all: ReadonlySet<Key>): Iterable<Key> {
  yield first
  for (const key of all) if (key !== first) yield key
}
