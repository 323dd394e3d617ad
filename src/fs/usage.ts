/** What df shows: the store's own numbers where it has them, and a large round number where it has none. */
import type { Bytes, Milliseconds } from '../core/types.ts'
import type { FsStat } from './api.ts'
import type { FsContext } from './context.ts'

/** What a bucket without a quota holds: 1 PiB. */
const ENDLESS: Bytes = 2 ** 50
const AGE: Milliseconds = 60_000

export class Usage {
  readonly #ctx: FsContext
  #at = -Infinity
  #last: FsStat = { total: ENDLESS, free: ENDLESS, files: 0, nameMax: 255 }
  #asking: Promise<void> | undefined

  constructor(ctx: FsContext) {
    this.#ctx = ctx
  }

  /** Never rejects: a df must not fail because a server will not say. */
  async stat(): Promise<FsStat> {
    if (this.#ctx.clock.now() - this.#at > AGE) {
      this.#asking ??= this.#ask().finally(() => (this.#asking = undefined))
      await this.#asking
    }
    return this.#last
  }

  async #ask(): Promise<void> {
    try {
      const usage = await this.#ctx.store.usage()
      if (usage) {
        const total = Math.max(usage.quota ?? ENDLESS, usage.bytes)
        this.#last = { total, free: total - usage.bytes, files: usage.objects, nameMax: 255 }
      }
    } catch (error) {
      this.#ctx.log.debug('usage not known', { message: String(error) })
    }
    this.#at = this.#ctx.clock.now()
  }
}
