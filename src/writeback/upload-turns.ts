/** A key's turn for its unfinished upload, before anything else is done for it: taken up again, or aborted. */
import type { Log } from '../core/ports.ts'
import type { Agenda } from './agenda.ts'
import { asStoreError } from './executor.ts'
import type { Failures } from './failures.ts'
import type { KeyState } from './key-state.ts'
import type { Ledger } from './ledger.ts'
import type { Staged } from './staged.ts'
import type { UploadRecords } from './upload-records.ts'

export interface UploadTurnsPorts {
  readonly agenda: Agenda
  readonly ledger: Ledger
  readonly uploads: UploadRecords
  readonly failures: Failures
  readonly log: Log
  /** Whether a file is small enough to go without an upload. */
  readonly sentWhole: (staged: Staged) => boolean
}

export class UploadTurns {
  readonly #ports: UploadTurnsPorts

  constructor(ports: UploadTurnsPorts) {
    this.#ports = ports
  }

  /** Whether the upload comes first; it is seen to then, and the key gets another turn. */
  take(state: KeyState): boolean {
    const { uploads, sentWhole } = this.#ports
    // Goes on when it is known which upload there is.
    if (uploads.isBeginning(state)) return true
    if (uploads.isLeft(state)) void this.#takeUp(state)
    else if (uploads.isDead(state, sentWhole)) void this.#abort(state)
    else return false
    return true
  }

  /** An upload of a daemon before us; one that cannot be gone on with is found dead next. */
  async #takeUp(state: KeyState): Promise<void> {
    const { agenda, uploads, log } = this.#ports
    const { key, upload } = state
    agenda.occupy(state)
    try {
      await uploads.takeUp(state)
      log.info('an unfinished upload is gone on with', { key, id: upload?.id })
    } catch (error) {
      log.info('an unfinished upload is begun anew', { key, error: String(error) })
    }
    agenda.free(state)
    if (this.#isOver(state)) return
    agenda.schedule(state, state.due)
    agenda.arm()
  }

  async #abort(state: KeyState): Promise<void> {
    const { agenda, uploads, failures } = this.#ports
    const { upload } = state
    agenda.occupy(state)
    const failure = await uploads.abort(state).then(
      () => undefined,
      (error: unknown) => asStoreError(error, 'AbortMultipartUpload', state.key),
    )
    agenda.free(state)
    if (this.#isOver(state)) return
    try {
      if (failure?.passing) return failures.failed(state, failure)
      // With another file the key has got that one's upload meanwhile.
      if (state.upload === upload) this.#forget(state, failure?.message)
      agenda.schedule(state, state.due)
    } catch (error) {
      failures.failed(state, error)
    }
    agenda.arm()
  }

  #forget(state: KeyState, failure: string | undefined): void {
    const { ledger, log } = this.#ports
    if (failure !== undefined) {
      log.warn('an unfinished upload is left', { ...state.upload, message: failure })
    }
    state.upload = undefined
    state.failures = 0
    ledger.save(state)
  }

  #isOver(state: KeyState): boolean {
    const { agenda, ledger } = this.#ports
    return agenda.closed || ledger.states.get(state.key) !== state
  }
}
