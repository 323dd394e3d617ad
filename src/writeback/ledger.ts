/** The records of all unsettled keys: memory and journal changed together, staged files kept while a record names them. */
import type { Desired, KeyRecord } from '../core/state.ts'
import type { Journal } from '../journal/journal.ts'
import { recordOf, type KeyState } from './key-state.ts'
import type { StagedFiles } from './staged.ts'
import { withMarks } from './sent-marks.ts'
import { KeyStates } from './states.ts'

export interface LedgerPorts {
  readonly journal: Journal
  readonly staged: StagedFiles
}

export class Ledger {
  readonly states = new KeyStates()
  readonly #ports: LedgerPorts

  constructor(ports: LedgerPorts) {
    this.#ports = ports
  }

  /** Throws FsError; nothing has changed then. */
  commit(put: readonly KeyRecord[], remove: readonly string[] = []): void {
    this.#ports.journal.commit({ put, remove })
  }

  /** Writes the state's record as it is now. */
  save(state: KeyState): void {
    this.commit([recordOf(state)])
  }

  /** Enters a state, or another desired state of one that is there. Memory only: commit it before or after. */
  enter(state: KeyState, desired: Desired, known: boolean): void {
    const before = known ? state.desired : undefined
    this.#retain(desired)
    state.desired = desired
    this.states.set(state, before)
    if (before) this.#release(before)
  }

  /** Takes a state out. Memory only. */
  remove(state: KeyState): void {
    this.states.delete(state)
    this.#release(state.desired)
  }

  /** One use less of a desired state that is no record's. */
  let(desired: Desired): void {
    this.#release(desired)
  }

  /** Says durably that requests leave which may change these keys. */
  markSending(states: readonly KeyState[]): void {
    const fresh: KeyState[] = []
    for (const state of states) {
      const sent = withMarks(state.sent, state.desired, this.#ports.staged)
      if (!state.sending || sent !== state.sent) fresh.push({ ...state, sending: true, sent })
    }
    if (fresh.length === 0) return
    this.commit(fresh.map(recordOf))
    for (const { key, sent } of fresh) {
      const state = this.states.get(key)
      if (state) Object.assign(state, { sending: true, sent })
    }
  }

  #retain(desired: Desired): void {
    if (desired.is === 'present' && desired.content.from === 'stage') {
      this.#ports.staged.use(desired.content.stage)
    }
  }

  #release(desired: Desired): void {
    if (desired.is === 'present' && desired.content.from === 'stage') {
      this.#ports.staged.release(desired.content.stage)
    }
  }
}
