/** Begins the upload of a file that is still being written, once it is large enough to go in parts. */
import type { Log } from '../core/ports.ts'
import type { Agenda } from './agenda.ts'
import { putOptions, type ExecutorPorts } from './executor.ts'
import type { KeyState } from './key-state.ts'
import { beginParts, singlePutLimit, streamKey } from './send.ts'
import type { Staged } from './staged.ts'
import type { KeyStates } from './states.ts'
import { stageOf } from './upload-records.ts'

export class SendAhead {
  readonly #ports: ExecutorPorts
  readonly #agenda: Agenda
  readonly #states: KeyStates
  readonly #log: Log

  constructor(ports: ExecutorPorts, agenda: Agenda, states: KeyStates, log: Log) {
    this.#ports = ports
    this.#agenda = agenda
    this.#states = states
    this.#log = log
  }

  /** Never waits, never throws: what fails here is sent when the file is due. */
  begin(state: KeyState, staged: Staged): void {
    const { store, partSize, acl } = this.#ports
    const least = singlePutLimit(this.#ports) + partSize
    if (staged.stage.base || staged.stage.size < least || store.limits.maxParts < 2) return
    const { meta } = putOptions(state, acl)
    const options = acl === undefined ? { meta } : { meta, acl }
    beginParts(this.#ports, streamKey(state.key), staged, options)
      .then(upload => upload.advance())
      .catch((error: unknown) =>
        this.#log.debug('sending ahead failed', { key: state.key, error: String(error) }),
      )
      .finally(() => this.#begun(staged))
  }

  /** Whoever waited for the end of it; also a key that has the upload though its file is gone. */
  #begun(staged: Staged): void {
    for (const state of this.#states.all()) {
      const stages = [stageOf(state.desired), state.upload?.stage]
      if (!state.busy && stages.includes(staged.id)) this.#agenda.schedule(state, state.due)
    }
  }
}
