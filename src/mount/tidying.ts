/**
 * Housekeeping of a mount: now and then, while nothing waits to be sent, what crashed daemons left in the bucket is
 * swept away (`ObjectStore.sweep`). Not in a hurry: what is left costs space, never content.
 */
import type { Clock, Log, Timer } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import type { ObjectStore } from '../store/store.ts'
import type { WriteBack } from '../writeback/writeback.ts'

/** How long nobody must have gone on with an upload for it to be given up. */
export const ABANDONED: Milliseconds = 7 * 86_400_000
const FIRST: Milliseconds = 10 * 60_000
const EVERY: Milliseconds = 86_400_000
/** When it was not the time, or it failed. */
const AGAIN: Milliseconds = 10 * 60_000

export interface TidyingParts {
  readonly store: Pick<ObjectStore, 'sweep'>
  readonly clock: Clock
  readonly log: Log
  readonly writeBack: Pick<WriteBack, 'all'>
}

export class Tidying {
  readonly #parts: TidyingParts
  readonly #end = new AbortController()
  #timer: Timer | undefined

  constructor(parts: TidyingParts) {
    this.#parts = parts
    if (parts.store.sweep) this.#arm(FIRST)
  }

  /** Nothing is asked of the store any more, but for one request that may be under way. */
  close(): void {
    this.#end.abort()
    this.#timer?.cancel()
  }

  #arm(delay: Milliseconds): void {
    if (this.#end.signal.aborted) return
    this.#timer = this.#parts.clock.after(delay, () => {
      void this.#run().then(done => this.#arm(done ? EVERY : AGAIN))
    })
  }

  async #run(): Promise<boolean> {
    const { store, log, writeBack } = this.#parts
    if ([...writeBack.all()].length > 0) return false
    // What begins to be sent meanwhile.
    const isKnown = (id: string) => [...writeBack.all()].some(({ upload }) => upload?.id === id)
    try {
      const { signal } = this.#end
      const swept = await store.sweep?.({ age: ABANDONED, isKnown, signal })
      if (swept && swept.segments > 0) log.info('left-overs swept away', { ...swept })
      return true
    } catch (error) {
      if (!this.#end.signal.aborted) log.warn('left-overs not swept', { error: String(error) })
      return false
    }
  }
}
