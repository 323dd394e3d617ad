/** A store that counts: which operations were called, for which keys and ranges, and how they ended. */
import type { Bytes, Key } from '../../core/types.ts'
import { StoreError } from '../../core/errors.ts'
import type { StoreErrorKind } from '../../core/errors.ts'
import { StoreDecorator } from '../decorator.ts'
import type { Call, Operation } from '../decorator.ts'

export interface CountedCall extends Call {
  /** Undefined while it runs. */
  readonly outcome: 'ok' | StoreErrorKind | undefined
}

export class CountingStore extends StoreDecorator {
  #calls: { call: Call; outcome: CountedCall['outcome'] }[] = []
  #running = new Map<Operation, number>()
  #peak = new Map<Operation, number>()

  /** Every call since the start or the last `reset`, in order. */
  get calls(): readonly CountedCall[] {
    return this.#calls.map(({ call, outcome }) => ({ ...call, outcome }))
  }

  /** Calls of one operation, or of all; for one key, or any. */
  count(operation?: Operation, key?: Key): number {
    return this.#calls.filter(
      ({ call }) =>
        (operation === undefined || call.operation === operation) &&
        (key === undefined || call.key === key),
    ).length
  }

  /** The keys of an operation's calls, in order. */
  keys(operation: Operation): readonly Key[] {
    return this.#calls
      .filter(({ call }) => call.operation === operation)
      .map(({ call }) => call.key)
  }

  /** Bytes of bodies sent up. */
  get sent(): Bytes {
    return this.#calls.reduce((sum, { call }) => sum + call.bytes, 0)
  }

  /** Calls of the operation that run now. */
  running(operation: Operation): number {
    return this.#running.get(operation) ?? 0
  }

  /** Most calls of the operation that ran at one time. */
  peak(operation: Operation): number {
    return this.#peak.get(operation) ?? 0
  }

  reset(): void {
    this.#calls = []
    this.#peak.clear()
  }

  protected override async around<T>(call: Call, run: () => Promise<T>): Promise<T> {
    const entry: { call: Call; outcome: CountedCall['outcome'] } = { call, outcome: undefined }
    this.#calls.push(entry)
    const { operation } = call
    const running = this.running(operation) + 1
    this.#running.set(operation, running)
    this.#peak.set(operation, Math.max(running, this.peak(operation)))
    try {
      const result = await run()
      entry.outcome = 'ok'
      return result
    } catch (error) {
      entry.outcome = error instanceof StoreError ? error.kind : 'failed'
      throw error
    } finally {
      this.#running.set(operation, this.running(operation) - 1)
    }
  }
}
