/** All unsettled keys of the mount, with who needs whose content. Memory only: the journal is written by the caller. */
import type { Key } from '../core/types.ts'
import type { KeyState } from './key-state.ts'
import { sourceOf } from './plan.ts'

export class KeyStates {
  readonly #states = new Map<Key, KeyState>()
  /** Source key to the keys whose content comes from it; a key's own source is left out. */
  readonly #dependents = new Map<Key, Set<Key>>()
  /** Keys that shall be gone: what a bulk delete may take along. */
  readonly #absent = new Set<Key>()

  get size(): number {
    return this.#states.size
  }

  get absent(): ReadonlySet<Key> {
    return this.#absent
  }

  get(key: Key): KeyState | undefined {
    return this.#states.get(key)
  }

  all(): Iterable<KeyState> {
    return this.#states.values()
  }

  /** Enters a state, or an existing one again after its `desired` changed; `before` is what was desired until now. */
  set(state: KeyState, before?: KeyState['desired']): void {
    if (before) this.#unlink(state.key, before)
    this.#states.set(state.key, state)
    if (state.desired.is === 'absent') this.#absent.add(state.key)
    else this.#absent.delete(state.key)
    const source = sourceOf(state.desired)
    if (!source || source.key === state.key) return
    const set = this.#dependents.get(source.key)
    if (set) set.add(state.key)
    else this.#dependents.set(source.key, new Set([state.key]))
  }

  delete(state: KeyState): void {
    this.#unlink(state.key, state.desired)
    this.#states.delete(state.key)
    this.#absent.delete(state.key)
  }

  dependentsOf(key: Key): KeyState[] {
    const found: KeyState[] = []
    for (const other of this.#dependents.get(key) ?? []) {
      const state = this.#states.get(other)
      if (state) found.push(state)
    }
    return found
  }

  #unlink(key: Key, desired: KeyState['desired']): void {
    const source = sourceOf(desired)
    if (!source) return
    const set = this.#dependents.get(source.key)
    set?.delete(key)
    if (set?.size === 0) this.#dependents.delete(source.key)
  }
}
