/** Begins the upload of a file that is still being written, once it is large enough to go in parts. */
import type { Log } from '../core/ports.ts'
import { putOptions, type ExecutorPorts } from './executor.ts'
import type { KeyState } from './key-state.ts'
import { beginParts, singlePutLimit, streamKey } from './send.ts'
import type { Staged } from './staged.ts'

export class SendAhead {
  readonly #ports: ExecutorPorts
  readonly #log: Log

  constructor(ports: ExecutorPorts, log: Log) {
    this.#ports = ports
    this.#log = log
  }

  /** Never waits, never throws: what fails here is sent when the file is due. `beginning` may throw FsError. */
  begin(state: KeyState, staged: Staged, beginning: () => void): void {
    const { store, partSize, acl } = this.#ports
    const least = singlePutLimit(this.#ports) + partSize
    if (staged.stage.base || staged.stage.size < least || store.limits.maxParts < 2) return
    const failed = (error: unknown) =>
      this.#log.debug('sending ahead failed', { key: state.key, error: String(error) })
    try {
      beginning()
    } catch (error) {
      return failed(error)
    }
    const { meta } = putOptions(state, acl)
    const options = acl === undefined ? { meta } : { meta, acl }
    beginParts(this.#ports, streamKey(state.key), staged, options)
      .then(upload => upload.advance())
      .catch(failed)
  }
}
