/**
 * What an open asks the store: which version is there? With its first page cached, a HEAD answers; otherwise one GET
 * brings the first bytes along. Two opens never share an answer: what the store said before an open began may be
 * older than what others had stored by then (close-to-open).
 */
import { StoreError } from '../core/errors.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Bytes, ETag, Key, Milliseconds } from '../core/types.ts'
import type { ObjectHead, ObjectStore } from '../store/store.ts'
import { FirstRead } from './first-read.ts'
import type { PageCache, Waiting } from './page-cache.ts'
import { retryDelay } from './retry-delay.ts'

export interface RevalidatePorts {
  readonly store: ObjectStore
  readonly cache: PageCache
  readonly clock: Clock
  readonly random: Random
  /** Takes over those who wait for a page that this GET began and did not end. */
  readonly retry: (waiters: readonly Waiting[]) => void
}

export interface Question {
  readonly key: Key
  readonly known: ETag | undefined
  /** How much to ask for. */
  readonly bytes: Bytes
  readonly timeout: Milliseconds
}

/** The MD5 of no bytes: as a known ETag a strong hint that a range would only be refused. */
const EMPTY: ETag = 'd41d8cd98f00b204e9800998ecf8427e'

/** Resolves with the current head. Retries passing failures until the timeout, then rejects with `timeout`. */
export async function revalidate(
  ports: RevalidatePorts,
  question: Question,
  closed: AbortSignal,
): Promise<ObjectHead> {
  const { clock, random } = ports
  const { key, timeout } = question
  const end = { late: false, now: (): void => {} }
  const timer = clock.after(timeout, () => {
    end.late = true
    end.now()
  })
  const stop = (): void => end.now()
  closed.addEventListener('abort', stop)
  let trouble: unknown
  try {
    for (let failures = 1; ; failures++) {
      try {
        return await attempt(ports, question, end)
      } catch (error) {
        const passing = error instanceof StoreError && error.passing
        if (passing) trouble = error
        if (!end.late && (!passing || closed.aborted)) throw error
        if (!end.late) await sleep(clock, retryDelay(failures, error, random), end)
        if (end.late) throw timedOut(key, timeout, trouble ?? error)
        if (closed.aborted) throw error
      }
    }
  } finally {
    timer.cancel()
    closed.removeEventListener('abort', stop)
  }
}

/** One request, given up after a part of the time so that a stalled connection leaves room for others. */
async function attempt(
  ports: RevalidatePorts,
  question: Question,
  end: { now: () => void },
): Promise<ObjectHead> {
  const abort = new AbortController()
  const stall = { is: false }
  const watch = ports.clock.after(question.timeout / 3, () => {
    stall.is = true
    abort.abort()
  })
  end.now = () => abort.abort()
  try {
    return await ask(ports, question, abort.signal)
  } catch (error) {
    throw stall.is ? timedOut(question.key, question.timeout / 3, error) : error
  } finally {
    watch.cancel()
  }
}

async function ask(
  { store, cache, retry }: RevalidatePorts,
  { key, known, bytes }: Question,
  signal: AbortSignal,
): Promise<ObjectHead> {
  const cached = known !== undefined && (known === EMPTY || cache.has(key, known, 0))
  if (cached) return store.head(key, signal)
  const sink = new FirstRead(cache)
  try {
    return await store.get(key, { range: { start: 0, end: bytes }, signal }, sink)
  } catch (error) {
    // No byte to give: the object is empty. A HEAD tells the rest.
    if (error instanceof StoreError && error.kind === 'range') return await store.head(key, signal)
    throw error
  } finally {
    retry(sink.end())
  }
}

function sleep(clock: Clock, delay: Milliseconds, end: { now: () => void }): Promise<void> {
  return new Promise(resolve => {
    const timer = clock.after(delay, resolve)
    end.now = () => {
      timer.cancel()
      resolve()
    }
  })
}

function timedOut(key: Key, timeout: Milliseconds, cause: unknown): StoreError {
  // That we gave up ourselves is no reason.
  const silent = cause instanceof StoreError && ['aborted', 'timeout'].includes(cause.kind)
  const why = cause instanceof Error && !silent ? `: ${cause.message}` : ''
  const details = { operation: 'GetObject', key, cause }
  return new StoreError('timeout', `no answer about ${key} within ${timeout} ms${why}`, details)
}
