/** A key's turn for open files that have lost their name and still read its object: before that goes or is replaced. */
import type { Agenda } from './agenda.ts'
import type { Failures } from './failures.ts'
import type { KeyState } from './key-state.ts'
import type { Ledger } from './ledger.ts'
import type { WriteBackEvents } from './options.ts'
import type { Action } from './plan.ts'

/** After so many failures in a row a new version waits no longer for an old one that cannot be fetched. */
const MOST_TRIES = 3

export interface KeepFirstPorts {
  readonly agenda: Agenda
  readonly ledger: Ledger
  readonly failures: Failures
  readonly events: () => Pick<WriteBackEvents, 'needed' | 'keep'> | undefined
}

export class KeepFirst {
  readonly #ports: KeepFirstPorts

  constructor(ports: KeepFirstPorts) {
    this.#ports = ports
  }

  /** Whether that comes first; the key gets another turn then. */
  take(state: KeyState, action: Action): boolean {
    if (action.do === 'settle' || action.do === 'wait') return false
    if (this.#ports.events()?.needed(state.key) !== true) return false
    if (action.do === 'delete' && state.waiters.length === 0) {
      // The object stays until they are closed.
      state.open = true
      this.#ports.agenda.schedule(state, state.due)
    } else void this.#keep(state)
    return true
  }

  async #keep(state: KeyState): Promise<void> {
    const { agenda, ledger, failures, events } = this.#ports
    const { rev } = state
    agenda.occupy(state)
    let failure: unknown
    try {
      await events()?.keep(state.key, state.failures >= MOST_TRIES)
    } catch (error) {
      failure = error
    }
    agenda.free(state)
    if (agenda.closed || ledger.states.get(state.key) !== state) return
    if (failure === undefined) agenda.schedule(state, state.due)
    else failures.failed(state, failure, rev)
    agenda.arm()
  }
}
