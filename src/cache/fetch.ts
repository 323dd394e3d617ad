/**
 * One run of neighbouring loading pages, filled by a ranged GET straight into their frames. Each page is finished
 * in the step in which its last byte arrives. An attempt that breaks off is followed by one for the bytes still
 * missing, as long as somebody waits for them; pages that nobody waits for are given up instead.
 *
 * The frames stay with this fetch until `store.get` has settled, even after an abort: a late byte can only ever land
 * in memory that is still its own.
 */
import { StoreError } from '../core/errors.ts'
import { PAGE_SIZE } from '../core/page.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Milliseconds, ObjectVersion } from '../core/types.ts'
import type { ObjectHead, ObjectStore, Sink } from '../store/store.ts'
import { retryDelay } from './retry-delay.ts'
import { aborted } from './demand.ts'
import type { Page, PageCache, Waiting } from './page-cache.ts'

export interface FetchPorts {
  readonly store: ObjectStore
  readonly cache: PageCache
  readonly clock: Clock
  readonly random: Random
  /** An attempt that brings no byte for so long is given up. */
  readonly stall: Milliseconds
}

/** What is left of a run that failed for good: the pages are released, these still want their bytes. */
export interface Failed {
  readonly error: StoreError
  readonly waiters: readonly Waiting[]
}

export class Fetch implements Sink {
  readonly version: ObjectVersion
  readonly #ports: FetchPorts
  readonly #pages: Page[]
  /** The page that gets the next byte. */
  #at = 0
  #arrived = 0
  #attempt: AbortController | undefined
  /** Ends the pause before the next attempt, if there is one. */
  #wake: () => void = () => {}
  #cancelled = false
  #closed = false
  #mismatch = false
  /** False after a split: the GET under way is longer than the run. */
  #whole = true

  /** `pages` are loading, follow each other, and belong to this fetch from now on. */
  constructor(version: ObjectVersion, pages: Page[], ports: FetchPorts) {
    this.version = version
    this.#pages = pages
    this.#ports = ports
  }

  /** Whether anybody waits for a page that is still to come. */
  get wanted(): boolean {
    for (let at = this.#at; at < this.#pages.length; at++) {
      if (this.#pages[at]?.waiters?.some(waiter => !waiter.settled) === true) return true
    }
    return false
  }

  /**
   * Gives up the pages from `index` on to a fetch of their own, if they are far from coming and nobody waits for any
   * page of this one: a seek into what is being read ahead does not wait for all that lies before.
   */
  split(page: Page, far: number): Page[] | undefined {
    const at = this.#pages.indexOf(page, this.#at)
    if (at < 0 || at - this.#at < far || this.wanted) return undefined
    this.#whole = false
    return this.#pages.splice(at)
  }

  /** Stops unless somebody waits, or comes to wait before the GET has ended. */
  cancel(): void {
    if (this.wanted) return
    this.#cancelled = true
    this.#attempt?.abort()
    this.#wake()
  }

  /** Stops in any case; waiters get `aborted`. */
  close(): void {
    this.#closed = true
    this.#attempt?.abort()
    this.#wake()
  }

  /** Resolves when no page belongs to this fetch any more; undefined when all have come. Never rejects. */
  async run(): Promise<Failed | undefined> {
    for (let failures = 1; ; failures++) {
      const before = this.#arrived
      const error = await this.#try()
      if (this.#at === this.#pages.length) return undefined
      if (this.#closed) return this.#giveUp(aborted(this.version))
      const passing = error.passing || (error.kind === 'aborted' && this.#cancelled)
      if (!passing || !this.wanted) return this.#giveUp(error)
      this.#tell(error)
      if (this.#arrived > before) failures = 1
      if (!this.#cancelled) await this.#sleep(retryDelay(failures, error, this.#ports.random))
      this.#cancelled = false
      if (this.#closed) return this.#giveUp(aborted(this.version))
      if (!this.wanted) return this.#giveUp(error)
    }
  }

  begin(head: ObjectHead): void {
    // Asked with If-Match; a server that ignores it must not get bytes of another version in.
    if (head.etag === this.version.etag && head.size === this.version.size) return
    this.#mismatch = true
    this.#attempt?.abort()
  }

  next(): Uint8Array {
    const page = this.#pages[this.#at]
    if (page === undefined || this.#mismatch) return new Uint8Array(PAGE_SIZE)
    const { memory, filled, size } = page
    return filled === 0 && size === PAGE_SIZE ? memory : memory.subarray(filled, size)
  }

  filled(count: number): void {
    const page = this.#pages[this.#at]
    if (page === undefined || this.#mismatch) return
    page.filled += count
    this.#arrived += count
    if (page.filled < page.size) return
    this.#at++
    this.#ports.cache.finish(page)
    // After a split the answer goes on: what follows is another's.
    if (this.#at === this.#pages.length && !this.#whole) this.#attempt?.abort()
  }

  /** One GET of the bytes still missing; what it says about why they are not all there. */
  async #try(): Promise<StoreError> {
    const first = this.#pages[this.#at]
    const last = this.#pages.at(-1)
    const { key, etag } = this.version
    if (first === undefined || last === undefined) return this.#incomplete()
    const start = first.index * PAGE_SIZE + first.filled
    const end = last.index * PAGE_SIZE + last.size
    const attempt = new AbortController()
    this.#attempt = attempt
    const stalled = { is: false }
    const watch = this.#watch(attempt, stalled)
    try {
      const { signal } = attempt
      await this.#ports.store.get(key, { range: { start, end }, ifMatch: etag, signal }, this)
      return this.#mismatch ? this.#changed(undefined) : this.#incomplete()
    } catch (error) {
      if (this.#mismatch) return this.#changed(error)
      if (stalled.is) return this.#stalled(error)
      if (!(error instanceof StoreError)) return this.#unknown(error)
      // What came of a page that is not whole may be what is wrong.
      const open = error.kind === 'corrupt' ? this.#pages[this.#at] : undefined
      if (open) open.filled = 0
      const gone = error.kind === 'not-found' || error.kind === 'changed' || error.kind === 'range'
      return gone ? this.#changed(error) : error
    } finally {
      this.#attempt = undefined
      watch.cancel()
    }
  }

  /** Aborts the attempt when two looks, `stall` apart, find no new byte between them. */
  #watch(attempt: AbortController, stalled: { is: boolean }): { cancel(): void } {
    const { clock, stall } = this.#ports
    let seen = this.#arrived
    const look = (): void => {
      if (this.#arrived === seen) {
        stalled.is = true
        attempt.abort()
        return
      }
      seen = this.#arrived
      timer = clock.after(stall, look)
    }
    let timer = clock.after(stall, look)
    return { cancel: () => timer.cancel() }
  }

  #giveUp(error: StoreError): Failed {
    const pages = this.#pages.slice(this.#at)
    this.#at = this.#pages.length
    return { error, waiters: pages.flatMap(page => this.#ports.cache.release(page)) }
  }

  #tell(error: StoreError): void {
    for (const page of this.#pages.slice(this.#at)) {
      for (const waiter of page.waiters ?? []) waiter.trouble = error
    }
  }

  #sleep(delay: Milliseconds): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#ports.clock.after(delay, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  #error(kind: StoreError['kind'], message: string, cause: unknown): StoreError {
    const { key } = this.version
    const why = cause === undefined ? {} : { cause }
    return new StoreError(kind, message, { operation: 'GetObject', key, ...why })
  }

  #changed(cause: unknown): StoreError {
    if (cause instanceof StoreError && cause.kind === 'changed') return cause
    return this.#error('changed', `${this.version.key} was replaced or deleted`, cause)
  }

  #incomplete(): StoreError {
    return this.#error('corrupt', `the answer for ${this.version.key} was too short`, undefined)
  }

  #stalled(cause: unknown): StoreError {
    return this.#error('timeout', `the answer for ${this.version.key} stalled`, cause)
  }

  #unknown(cause: unknown): StoreError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return this.#error('failed', `reading ${this.version.key}: ${why}`, cause)
  }
}
