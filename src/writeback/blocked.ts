/** Keys whose content others need first: those are hurried; where they wait in a circle, one is fetched. */
import type { Clock } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'
import type { Desired } from '../core/state.ts'
import type { Agenda } from './agenda.ts'
import type { ExecutorPorts } from './executor.ts'
import type { Failures } from './failures.ts'
import type { KeyState } from './key-state.ts'
import type { Ledger } from './ledger.ts'
import { withTime } from './keep-time.ts'
import { materialise } from './materialise.ts'
import type { WriteBackEvents } from './options.ts'
import { circleThrough, nextAction } from './plan.ts'

/** How often a key that somebody waits for asks whether it may go. */
const AGAIN: Milliseconds = 1000

export interface BlockedPorts {
  readonly agenda: Agenda
  readonly ledger: Ledger
  readonly failures: Failures
  readonly executor: ExecutorPorts
  readonly clock: Clock
  readonly events: () => Pick<WriteBackEvents, 'metaForCopy'> | undefined
  /** The state's content is in a staged file now. Throws FsError. */
  fetched(state: KeyState, desired: Desired): void
}

export class Blocked {
  readonly #ports: BlockedPorts

  constructor(ports: BlockedPorts) {
    this.#ports = ports
  }

  /** Others need its content: they go first, as urgently as it. */
  wait(state: KeyState, on: readonly Key[]): void {
    const { ledger, agenda, failures, clock } = this.#ports
    const { states } = ledger
    const due = Math.max(state.due, clock.now())
    if (circleThrough(state.key, key => this.#waitsOn(key)) !== undefined) {
      const other = states.get(on[0]!)
      if (other && !other.busy) void this.#break(other)
      return
    }
    for (const key of on) {
      const other = states.get(key)
      if (!other || other.busy) continue
      if (!failures.stuckBehind(state, other)) continue
      if (other.open && state.waiters.length === 0) continue
      const urgent = state.waiters.length > 0 && other.failures === 0
      agenda.urge(key, urgent ? 0 : Math.min(other.due, due))
    }
    // What it waits for may fail, or be held open: somebody has to ask again.
    if (state.waiters.length > 0) agenda.urge(state.key, clock.now() + AGAIN)
  }

  #waitsOn(key: Key): readonly Key[] {
    const { states } = this.#ports.ledger
    const at = states.get(key)
    if (!at) return []
    const action = nextAction(at, states.dependentsOf(key))
    return action.do === 'wait' ? action.on : []
  }

  async #break(state: KeyState): Promise<void> {
    const { agenda, failures, ledger, executor, events } = this.#ports
    const { rev } = state
    agenda.occupy(state)
    let failure: unknown
    const desired = await withTime(events(), state)
      .then(timed => materialise(executor, timed))
      .catch((error: unknown) => {
        failure = error
      })
    agenda.free(state)
    if (agenda.closed) return
    try {
      if (!desired) return failures.failed(state, failure, rev)
      if (state.rev === rev) this.#ports.fetched(state, desired)
    } catch (error) {
      failures.failed(state, error)
    } finally {
      if (desired) ledger.let(desired)
      agenda.arm()
    }
  }
}
