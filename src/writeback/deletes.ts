/**
 * Deletes travel together: a key that shall be gone waits until nothing more is being deleted for a moment, or until
 * there are enough for a full request. One key alone goes as a plain, conditional DELETE.
 *
 * A name that was removed alone may be made again at once (an editor, a lock): it rests as a closed file does. Those
 * of a long series (rm -r) rest a tenth of that.
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
  /** How long no further delete must come before an unfilled request goes; after a long series a tenth. */
  readonly rest: Milliseconds
  /** Whether open files still need the object. */
  readonly needed: (key: Key) => boolean
  /** Called before a request leaves: marks the keys busy and sending, durably. May throw. */
  readonly began: (states: readonly KeyState[]) => void
  /** Called once for each key of a request. */
  readonly done: (state: KeyState, error: unknown) => void
}

/** No delete is held longer than this, or the rest if that is longer, for the sake of company. */
const LONGEST: Milliseconds = 10_000
/** So many deletes without a rest between them are a long series. */
const SERIES = 100
/** The least rest. */
const LEAST: Milliseconds = 100
/** While other keys are still being copied elsewhere before they go (a renamed directory), one is held so long for them. */
const COPYING: Milliseconds = 500
/** Whether there are any is looked for no more often than this. */
const LOOK_EVERY: Milliseconds = 50

export class Deletes {
  readonly #ports: DeletesPorts
  #lastAdded = 0
  /** Deletes that came since the last request left, and those that came without a rest between them. */
  #gathered = 0
  #series = 0
  /** Since when a request that could go is held for keys that are being copied. */
  #heldSince: Milliseconds | undefined
  #looked = { at: -Infinity, found: false }
  #closed = false

  constructor(ports: DeletesPorts) {
    this.#ports = ports
  }

  /** One more key shall be gone: for how long it rests. */
  counted(state: KeyState): Milliseconds {
    const { clock, rest, states } = this.#ports
    const now = clock.now()
    const whole = Math.max(LEAST, rest)
    if (now - this.#lastAdded >= whole) this.#series = 0
    this.#lastAdded = now
    // What others are to be made from was renamed, and rests as they do.
    if (states.dependentsOf(state.key).length > 0) return whole
    this.#series += 1
    return this.#rest
  }

  get #rest(): Milliseconds {
    const { rest } = this.#ports
    return Math.max(LEAST, this.#series < SERIES ? rest : rest / 10)
  }

  /** One more key shall be gone and rests: a full request goes. */
  added(state: KeyState): void {
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
    const wait = this.#lastAdded + this.#rest
    const urgent = state.waiters.length > 0 || now - state.since > Math.max(LONGEST, rest)
    if (!urgent && now < wait) return later(wait)
    if (this.#othersFollow(now)) {
      this.#heldSince ??= now
      if (now < this.#heldSince + COPYING) return later(this.#heldSince + COPYING)
    }
    this.#send(state)
  }

  /** Whether keys that shall be gone wait for a copy that is not in trouble. */
  #othersFollow(now: Milliseconds): boolean {
    const { states, store } = this.#ports
    if (store.features.deleteBatch <= 1) return false
    if (now - this.#looked.at < LOOK_EVERY) return this.#looked.found
    const found = [...states.absent].some(key => {
      const state = states.get(key)
      if (!state || state.busy || state.open) return false
      const action = nextAction(state, states.dependentsOf(key))
      if (action.do !== 'wait') return false
      const blockers = action.on.map(on => states.get(on))
      return blockers.every(other => other && !other.parked && !other.open && other.failures === 0)
    })
    this.#looked = { at: now, found }
    return found
  }

  #send(first: KeyState): void {
    if (this.#closed) return
    this.#gathered = 0
    this.#heldSince = undefined
    const { store, states } = this.#ports
    const most = store.features.deleteBatch
    const batch: KeyState[] = []
    for (const key of most > 1 ? withFirst(first.key, states.absent) : [first.key]) {
      const state = states.get(key)
      if (!state || state.busy || state.parked || (state.failures > 0 && state !== first)) continue
      if (state.open && state.waiters.length === 0) continue
      if (this.#ports.needed(state.key)) continue
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
