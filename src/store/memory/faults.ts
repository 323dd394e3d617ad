/**
 * A store that behaves as a server behind a bad network does: late, throttled, answering after the effect with
 * an error, stalling, tearing bodies. All chance and time come in, so a seed repeats a run. Faults come by
 * rates, or by script (`failNext`), which goes first. Bodies arrive in chunks with time between them.
 */
import { StoreError } from '../../core/errors.ts'
import type { StoreErrorKind } from '../../core/errors.ts'
import type { Clock, Random } from '../../core/ports.ts'
import type { Bytes, Key, Milliseconds } from '../../core/types.ts'
import type { GetOptions, ObjectHead, ObjectStore, Sink } from '../store.ts'
import { StoreDecorator } from '../decorator.ts'
import type { Call, Operation } from '../decorator.ts'
import { failure, throwIfAborted } from './failure.ts'

/** What can go wrong; a StoreErrorKind in a script means: refused with that kind, nothing done. */
export type Fault =
  | 'refused' // `unavailable`, and nothing was done
  | 'lost' // `unavailable`, but it was done: the reply got lost
  | 'throttled' // nothing done, with a wait asked for
  | 'stalled' // no answer until the signal aborts, or `stallLimit`, then `timeout`; nothing done
  | 'torn' // a body breaks off somewhere in the middle: `unavailable`
  | 'short' // a body ends too early: `corrupt`

/** Between 0 and 1, by fault; absent is 0. */
export type FaultRates = Partial<Record<Fault, number>>

export interface FaultOptions {
  readonly clock: Clock
  readonly random: Random
  readonly rates?: FaultRates
  /** A request and a reply each take between these; default 0 to 0: no timer at all. */
  readonly delay?: readonly [least: Milliseconds, most: Milliseconds]
  /** Most bytes of a body that arrive at once; default 64 KiB. */
  readonly chunk?: Bytes
  /** Longest stall where nobody aborts; default 60 s. */
  readonly stallLimit?: Milliseconds
  /** What a throttled reply asks for; default none. */
  readonly retryAfter?: Milliseconds
}

interface Scripted {
  readonly operation: Operation | 'any'
  readonly fault: Fault | StoreErrorKind
  readonly key: Key | undefined
  left: number
}

const FAULTS: readonly Fault[] = ['refused', 'lost', 'throttled', 'stalled', 'torn', 'short']
const BODY_FAULTS: ReadonlySet<string> = new Set<Fault>(['torn', 'short'])

export class FaultyStore extends StoreDecorator {
  readonly #options: FaultOptions
  #rates: FaultRates
  #script: Scripted[] = []
  #faults = 0
  #killed = false

  constructor(inner: ObjectStore, options: FaultOptions) {
    super(inner)
    this.#options = options
    this.#rates = options.rates ?? {}
  }

  /** Faults so far. */
  get faults(): number {
    return this.#faults
  }

  /** New rates from now on; `{}` heals the network. */
  setRates(rates: FaultRates): void {
    this.#rates = rates
  }

  /** The next call (or `times` calls) of the operation, of that key only if one is given, goes wrong. */
  failNext(
    operation: Operation | 'any',
    fault: Fault | StoreErrorKind,
    times = 1,
    key?: Key,
  ): void {
    this.#script.push({ operation, fault, key, left: times })
  }

  /**
   * The daemon dies: no call settles from now on, and those under way have reached the server or not, by chance.
   * Whoever takes over makes a decorator of its own around the same inner store.
   */
  kill(): void {
    this.#killed = true
  }

  /** Forgets what is left of the script. */
  clearScript(): void {
    this.#script = []
  }

  override async get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    const call: Call = { operation: 'get', key, bytes: 0, signal: options.signal }
    const fault = await this.#request(call)
    const body = new Collector()
    const head = await this.inner.get(key, options, body)
    if (fault === 'lost') throw failure('unavailable', 'get', key, 'reply lost')
    await this.#delay(call)
    if (this.#killed) await never()
    sink.begin(head)
    const { length } = body.bytes
    const end = fault === undefined ? length : Math.floor(this.#options.random() * length)
    await this.#deliver(call, body.bytes.subarray(0, end), sink)
    if (fault === 'short') throw failure('corrupt', 'get', key, `${end} of ${length} bytes`)
    if (fault === 'torn') throw failure('unavailable', 'get', key, 'connection reset')
    return head
  }

  protected override async around<T>(call: Call, run: () => Promise<T>): Promise<T> {
    const fault = await this.#request(call)
    const result = await run()
    if (this.#killed) await never()
    if (fault !== undefined) throw failure('unavailable', call.operation, call.key, 'reply lost')
    await this.#delay(call)
    if (this.#killed) await never()
    return result
  }

  /** The way there: rejects if nothing is to be done, else tells what shall go wrong afterwards. */
  async #request(call: Call): Promise<Fault | undefined> {
    if (this.#killed) await never()
    await this.#delay(call)
    if (this.#killed && this.#options.random() < 0.5) await never()
    const fault = this.#choose(call)
    if (fault === undefined) return undefined
    this.#faults++
    const { operation, key } = call
    if (fault === 'stalled') {
      await this.#wait(call, this.#options.stallLimit ?? 60_000)
      throw failure('timeout', operation, key, 'stalled')
    }
    if (fault === 'refused') throw failure('unavailable', operation, key, 'refused')
    if (fault === 'throttled') throw this.#throttled(call)
    if (fault === 'lost' || fault === 'torn' || fault === 'short') return fault
    throw failure(fault, operation, key)
  }

  #choose(call: Call): Fault | StoreErrorKind | undefined {
    const scripted = this.#script.find(
      entry =>
        (entry.operation === 'any' || entry.operation === call.operation) &&
        (entry.key === undefined || entry.key === call.key),
    )
    if (scripted !== undefined) {
      if (--scripted.left <= 0) this.#script.splice(this.#script.indexOf(scripted), 1)
      return scripted.fault
    }
    for (const fault of FAULTS) {
      const rate = this.#rates[fault] ?? 0
      if (rate === 0 || (BODY_FAULTS.has(fault) && call.operation !== 'get')) continue
      if (this.#options.random() < rate) return fault
    }
    return undefined
  }

  #throttled({ operation, key }: Call): StoreError {
    const { message, details } = failure('throttled', operation, key)
    const { retryAfter } = this.#options
    const more = retryAfter === undefined ? {} : { retryAfter }
    return new StoreError('throttled', message, { ...details, ...more })
  }

  async #deliver(call: Call, bytes: Uint8Array, sink: Sink): Promise<void> {
    const most = this.#options.chunk ?? 65_536
    for (let at = 0; at < bytes.length;) {
      await this.#delay(call)
      if (this.#killed) await never()
      throwIfAborted(call.signal, call.operation, call.key)
      const memory = sink.next()
      const chunk = 1 + Math.floor(this.#options.random() * most)
      const count = Math.min(memory.length, chunk, bytes.length - at)
      memory.set(bytes.subarray(at, at + count))
      sink.filled(count)
      at += count
    }
  }

  async #delay(call: Call): Promise<void> {
    const [least, most] = this.#options.delay ?? [0, 0]
    if (most > 0) await this.#wait(call, least + this.#options.random() * (most - least))
    throwIfAborted(call.signal, call.operation, call.key)
  }

  /** Rejects with `aborted` as soon as the signal fires. */
  #wait({ operation, key, signal }: Call, delay: Milliseconds): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        timer.cancel()
        reject(failure('aborted', operation, key))
      }
      const timer = this.#options.clock.after(delay, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      if (signal?.aborted === true) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}

/** Takes a whole body, as it was at one moment. */
class Collector implements Sink {
  bytes = new Uint8Array(0)
  #memory = new Uint8Array(0)

  begin(): void {
    this.bytes = new Uint8Array(0)
  }

  next(): Uint8Array {
    this.#memory = new Uint8Array(Math.max(65_536, this.bytes.length))
    return this.#memory
  }

  filled(count: number): void {
    const longer = new Uint8Array(this.bytes.length + count)
    longer.set(this.bytes)
    longer.set(this.#memory.subarray(0, count), this.bytes.length)
    this.bytes = longer
  }
}
