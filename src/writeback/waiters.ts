/** Those who wait for a key to be in the bucket. */
import { StoreError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import { asStoreError } from './executor.ts'
import type { KeyState, Waiter } from './key-state.ts'

/** Resolves when what is desired now, or something newer, is in the bucket; an abort rejects it at once. */
export function addWaiter(
  state: KeyState,
  since: Milliseconds,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiter = { rev: state.rev, since, resolve, reject }
    state.waiters.push(waiter)
    const leave = () => {
      const at = state.waiters.indexOf(waiter)
      if (at >= 0) state.waiters.splice(at, 1)
      reject(asStoreError(new Error('interrupted'), 'flush', state.key))
    }
    signal?.addEventListener('abort', leave, { once: true })
  })
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
