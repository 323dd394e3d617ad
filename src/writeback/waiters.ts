/** Those who wait for a key to be in the bucket. */
import { StoreError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'
import { asStoreError } from './executor.ts'
import type { KeyState, Waiter } from './key-state.ts'

/**
 * Resolves when what is desired now, or something newer, is in the bucket; an abort rejects it at once. `watch` is
 * told of the waiter, to give it a timer.
 */
export function addWaiter(
  state: KeyState,
  since: Milliseconds,
  signal: AbortSignal | undefined,
  watch: (waiter: Waiter) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      dropWaiter(state, waiter, asStoreError(new Error('interrupted'), 'flush', state.key))
    }
    const end = (): void => {
      waiter.settled = true
      waiter.timer?.cancel()
      signal?.removeEventListener('abort', leave)
    }
    const waiter: Waiter = {
      rev: state.rev,
      since,
      settled: false,
      timer: undefined,
      resolve: () => {
        end()
        resolve()
      },
      reject: error => {
        end()
        reject(error)
      },
    }
    state.waiters.push(waiter)
    signal?.addEventListener('abort', leave, { once: true })
    watch(waiter)
  })
}

/** One waiter hears that it waits no more; the others wait on. */
export function dropWaiter({ waiters }: KeyState, waiter: Waiter, error: StoreError): void {
  const at = waiters.indexOf(waiter)
  if (at >= 0) waiters.splice(at, 1)
  waiter.reject(error)
}

/** For a key that no waiting brings on: rejects with the reason. */
export function refuseWaiter({ key, parked }: KeyState): Promise<never> {
  const { kind = 'failed', message = 'parked' } = parked ?? {}
  return Promise.reject(new StoreError(kind, message, { operation: 'flush', key }))
}

/** A state of revision `rev` is in the bucket. */
export function resolveWaiters(state: KeyState, rev: number): void {
  for (const waiter of state.waiters.splice(0)) {
    if (waiter.rev <= rev) waiter.resolve()
    else state.waiters.push(waiter)
  }
}

export function rejectWaiters(
  state: KeyState,
  error: StoreError,
  which: (waiter: Waiter) => boolean,
): void {
  for (const waiter of state.waiters.splice(0)) {
    if (which(waiter)) waiter.reject(error)
    else state.waiters.push(waiter)
  }
}

/**
 * Flushes all that is left until nothing is but what was refused for good. More than once: what is kept beside
 * another's version gets its name on the way, and an outage may be longer than a flush waits.
 */
export async function sendAll(
  left: () => readonly Readonly<KeyState>[],
  flush: (keys: readonly Key[]) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let states = left(); states.length > 0; states = left().filter(({ parked }) => !parked)) {
    let refused = false
    const asked = new Set(states.map(({ key }) => key))
    await flush([...asked]).catch((error: unknown) => {
      refused = error instanceof StoreError && !error.passing
    })
    if (signal?.aborted === true) return
    // Nothing more comes of what waits behind that: asked again at once, it would be refused at once.
    if (refused && left().every(state => isStuck(state, asked))) return
  }
}

/** Refused for good, or asked for and not even tried, since others that were refused have to go first. */
function isStuck(state: Readonly<KeyState>, asked: ReadonlySet<Key>): boolean {
  const { key, parked, failures, busy } = state
  return parked !== undefined || (asked.has(key) && failures === 0 && !busy)
}

/** Resolves when `work` is done, one way or another, when the time is over, or when `signal` says so. */
export async function atMost(
  clock: Clock,
  limit: Milliseconds,
  work: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let timer: Timer | undefined
  const late = new Promise<void>(resolve => {
    timer = clock.after(limit, resolve)
    signal?.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([work.catch(() => {}), late])
  timer?.cancel()
}
