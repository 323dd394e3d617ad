/** What becomes of a key whose request failed: tried again later, kept beside the other's version, or parked. */
import { backoff } from '../core/backoff.ts'
import { ERRNO_OF, FsError, hintOf, markLogged, StoreError } from '../core/errors.ts'
import type { Clock, Log, Random } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'
import type { Agenda } from './agenda.ts'
import { asStoreError } from './executor.ts'
import type { KeyState } from './key-state.ts'
import type { Ledger } from './ledger.ts'
import type { ConflictEnd } from './options.ts'
import { Overtaken } from './send.ts'
import { STALLS } from './patience.ts'
import { rejectWaiters, resolveWaiters } from './waiters.ts'

export interface FailuresPorts {
  readonly agenda: Agenda
  readonly ledger: Ledger
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** How long a waiter hears nothing of failures that may pass. */
  readonly patience: Milliseconds
  readonly restOf: (key: Key) => Milliseconds
  /** Somebody else wrote the key. Resolves with true when its record is right again. */
  readonly conflict: (key: Key, error: StoreError) => Promise<ConflictEnd>
  /** The key will not be tried again by itself: those that wait for it to go first have to know. */
  readonly parked: (state: KeyState) => void
}

export class Failures {
  readonly #ports: FailuresPorts

  constructor(ports: FailuresPorts) {
    this.#ports = ports
  }

  /**
   * The state is not busy any more; the request was for its revision `rev`: once that is overtaken, no failure is
   * final. Never throws, also when the journal cannot be written.
   */
  failed(state: KeyState, thrown: unknown, rev = state.rev): void {
    const { agenda, clock, random, restOf } = this.#ports
    const now = clock.now()
    if (thrown instanceof Overtaken) return agenda.schedule(state, now + restOf(state.key))
    const error = asStoreError(thrown, 'write-back', state.key)
    if (state.failures++ === 0) state.failingSince = this.#since(state, error, now)
    state.lastError = error
    this.#tell(state, error)
    // Not found: a copy's source, or the upload; what the key holds tells what happened.
    if (['changed', 'exists', 'not-found'].includes(error.kind)) {
      return void this.#conflict(state, error)
    }
    // Aborted: its upload was another key's too, which had no use for it any more.
    const passing = error.passing || isFull(thrown) || error.kind === 'aborted'
    if (!passing && state.rev !== rev) return agenda.schedule(state, state.due)
    if (!passing) return this.#park(state, error)
    this.#losePatience(state, error, state.failingSince)
    const wait = Math.max(backoff(state.failures, random), error.details.retryAfter ?? 0)
    agenda.schedule(state, now + wait)
  }

  /** Does what may find the journal's disk full: the record still says what to do, and it is done again. */
  guard(state: KeyState, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.failed(state, error)
    }
  }

  /**
   * `state` cannot go before `other`. Where that is parked, those who have waited since before that hear why; for
   * those who came later it is tried once more: true.
   */
  stuckBehind(state: KeyState, other: KeyState): boolean {
    const { parked, lastError, failingSince } = other
    if (!parked) {
      if (other.failures > 0 && lastError) this.#losePatience(state, lastError, failingSince)
      return true
    }
    const error =
      other.lastError ?? asStoreError(new Error(parked.message), 'write-back', other.key)
    rejectWaiters(state, error, ({ since }) => since <= parked.at)
    if (state.waiters.length === 0) return false
    other.parked = undefined
    return true
  }

  /** A request that got no answer has waited for a while when that is noticed. */
  #since({ busySince }: KeyState, { kind }: StoreError, now: Milliseconds): Milliseconds {
    if (kind !== 'timeout') return now
    return Math.max(busySince, now - this.#ports.patience / STALLS)
  }

  #losePatience(state: KeyState, error: StoreError, failingSince: Milliseconds): void {
    const { patience, clock } = this.#ports
    const now = clock.now()
    rejectWaiters(state, error, ({ since }) => now - Math.max(since, failingSince) >= patience)
  }

  /** One line: where it is final, nothing more is logged of those who wait. */
  #tell(state: KeyState, error: StoreError): void {
    const { kind, message, details, passing } = error
    const { code, status, requestId } = details
    if (!passing) markLogged(error)
    this.#ports.log[passing ? 'warn' : 'error']('upload failed', {
      key: state.key,
      kind,
      errno: ERRNO_OF[kind],
      message,
      code,
      status,
      requestId,
      hint: hintOf(error),
      attempt: state.failures,
    })
  }

  #park(state: KeyState, error: StoreError): void {
    state.parked = { kind: error.kind, message: error.message, at: this.#ports.clock.now() }
    try {
      this.#ports.ledger.save(state)
    } catch (thrown) {
      // For people alone: the next start tries it again in any case.
      this.#ports.log.warn('not noted in the journal', { key: state.key, error: String(thrown) })
    }
    rejectWaiters(state, error, () => true)
    this.#ports.parked(state)
  }

  async #conflict(state: KeyState, error: StoreError): Promise<void> {
    const { agenda, ledger, log, conflict, clock, random } = this.#ports
    agenda.occupy(state)
    let end: ConflictEnd = 'stuck'
    // Settling the key must not tell those who wait that theirs is in the bucket.
    const waiters = state.waiters.splice(0)
    try {
      end = await conflict(state.key, error)
    } catch (thrown) {
      log.warn('conflict not solved', { key: state.key, error: String(thrown) })
      if ((thrown instanceof StoreError && thrown.passing) || isFull(thrown)) end = 'ours'
    }
    agenda.free(state)
    if (agenda.closed) return
    const there = ledger.states.get(state.key) === state
    state.waiters.push(...waiters.filter(({ settled }) => !settled))
    if (end !== 'ours') rejectWaiters(state, changedElsewhere(error), () => true)
    else if (!there) resolveWaiters(state, Infinity)
    if (!there) return
    const wait = backoff(state.failures, random)
    if (end === 'stuck') this.#park(state, error)
    else agenda.schedule(state, Math.max(state.due, clock.now() + wait))
    agenda.arm()
  }
}

/** Whether the journal's disk has no room: it may have again, and then the same is done. */
function isFull(thrown: unknown): boolean {
  return thrown instanceof FsError && thrown.errno === 'ENOSPC'
}

/** Whatever precondition failed, to the writer it is one thing: a newer version is there (ESTALE). */
function changedElsewhere(error: StoreError): StoreError {
  if (error.kind === 'changed') return error
  return new StoreError('changed', error.message, { ...error.details, cause: error })
}
