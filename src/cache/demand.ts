/**
 * One read that found pages missing: it copies its bytes out of each page in the step in which that page becomes
 * ready, and settles when all have come, or once with the first of: an error, its deadline, its signal, the end.
 * After it has settled, the reader's memory is not touched any more.
 */
import { StoreError } from '../core/errors.ts'
import { PAGE_SIZE } from '../core/page.ts'
import type { Clock, Timer } from '../core/ports.ts'
import type { Bytes, Milliseconds, ObjectVersion } from '../core/types.ts'
import type { Page, PageWaiter } from './page-cache.ts'

export interface DemandOptions {
  readonly version: ObjectVersion
  readonly offset: Bytes
  readonly into: Uint8Array
  readonly clock: Clock
  readonly timeout: Milliseconds
  readonly signal: AbortSignal | undefined
}

export class Demand implements PageWaiter {
  readonly version: ObjectVersion
  readonly promise: Promise<number>
  trouble: unknown
  readonly #offset: Bytes
  readonly #into: Uint8Array
  readonly #timer: Timer
  readonly #signal: AbortSignal | undefined
  #resolve: (count: number) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #missing: Bytes
  #settled = false

  constructor({ version, offset, into, clock, timeout, signal }: DemandOptions) {
    this.version = version
    this.#offset = offset
    this.#into = into
    this.#missing = into.length
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#timer = clock.after(timeout, () => this.fail(this.#timedOut(timeout)))
    this.#signal = signal
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  get settled(): boolean {
    return this.#settled
  }

  take(page: Page): void {
    if (this.#settled) return
    this.#missing -= copyOut(page, this.#offset, this.#into)
    if (this.#missing > 0) return
    this.#settle()
    this.#resolve(this.#into.length)
  }

  fail(error: unknown): void {
    if (this.#settled) return
    this.#settle()
    this.#reject(error)
  }

  #settle(): void {
    this.#settled = true
    this.#timer.cancel()
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (): void => this.fail(aborted(this.version))

  #timedOut(timeout: Milliseconds): StoreError {
    const { key } = this.version
    const { trouble } = this
    const why = trouble instanceof Error ? `: ${trouble.message}` : ''
    return new StoreError('timeout', `no bytes of ${key} within ${timeout} ms${why}`, {
      operation: 'GetObject',
      key,
      ...(trouble === undefined ? {} : { cause: trouble }),
    })
  }
}

/** Copies what a page holds of [offset, offset + into.length) to its place in `into`; tells how many bytes. */
export function copyOut(page: Page, offset: Bytes, into: Uint8Array): Bytes {
  const start = page.index * PAGE_SIZE
  const from = offset > start ? offset - start : 0
  const to = Math.min(page.size, offset + into.length - start)
  const at = start + from - offset
  const whole = from === 0 && to === PAGE_SIZE
  into.set(whole ? page.memory : page.memory.subarray(from, to), at)
  return to - from
}

/** What a cancelled read rejects with. */
export function aborted({ key }: ObjectVersion): StoreError {
  return new StoreError('aborted', `read of ${key} cancelled`, { operation: 'GetObject', key })
}
