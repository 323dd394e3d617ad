/**
 * Repeats what may pass: any store, seen through full-jitter backoff (core/backoff), within a number of attempts and
 * a deadline a call.
 *
 * - A GET whose sink has been told of bytes is not repeated: it rejects, and the reader asks for the rest.
 * - A Retry-After is respected; one beyond the deadline rejects at once.
 * - A write whose reply was lost may have happened. When its repetition then meets its own result (`changed`, `exists`,
 *   or an upload that is gone), HEAD decides: the same size and the same metadata with its `mtime` is ours.
 */
import { backoff, BACKOFF, type BackoffLimits } from '../core/backoff.ts'
import { StoreError } from '../core/errors.ts'
import { silentLog, type Clock, type Log, type Random } from '../core/ports.ts'
import type { Bytes, Key, Milliseconds, ObjectMeta } from '../core/types.ts'
import { bodyLength } from './http/head.ts'
import { StoreDecorator, type Call } from './decorator.ts'
import type {
  Body,
  BucketLevel,
  CopyOptions,
  CopySource,
  GetOptions,
  ObjectHead,
  ObjectStore,
  Part,
  PutOptions,
  Sink,
  Stored,
  Upload,
} from './store.ts'

export interface RetryOptions {
  readonly clock: Clock
  readonly random: Random
  /** Attempts of one call in all. Default 6. */
  readonly attempts?: number
  /** No attempt begins later than this after the first. Default 120 s. */
  readonly deadline?: Milliseconds
  readonly limits?: BackoffLimits
  readonly log?: Log
}

/** The wait before the next attempt, or undefined: not worth another one. Pure but for the given chance. */
export function retryDelay(
  error: unknown,
  attempt: number,
  elapsed: Milliseconds,
  options: Pick<RetryOptions, 'random' | 'attempts' | 'deadline' | 'limits'>,
): Milliseconds | undefined {
  const { random, attempts = 6, deadline = 120_000, limits = BACKOFF } = options
  if (!(error instanceof StoreError) || !error.passing || attempt >= attempts) return undefined
  const asked = error.details.retryAfter ?? 0
  const wait = Math.max(backoff(attempt, random, limits), asked)
  return elapsed + wait > deadline ? undefined : wait
}

/** The same store, patient. */
export function withRetry(store: ObjectStore, options: RetryOptions): ObjectStore {
  return new RetryingStore(store, options)
}

class RetryingStore extends StoreDecorator {
  readonly #options: RetryOptions

  constructor(store: ObjectStore, options: RetryOptions) {
    super(store)
    this.#options = options
  }

  protected override around<T>({ signal }: Call, run: () => Promise<T>): Promise<T> {
    return this.#repeat(signal, run)
  }

  override get buckets(): BucketLevel | undefined {
    return this.inner.buckets && this.#level
  }

  readonly #level: BucketLevel = {
    create: name => this.#once('exists', () => this.inner.buckets!.create(name)),
    remove: name => this.#once('no-bucket', () => this.inner.buckets!.remove(name)),
  }

  override get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    let begun = false
    const watched: Sink = {
      begin: head => {
        begun = true
        sink.begin(head)
      },
      next: () => sink.next(),
      filled: count => sink.filled(count),
    }
    return this.#repeat(
      options.signal,
      () => this.inner.get(key, options, watched),
      () => !begun,
    )
  }

  override put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const ours = { key, size: bodyLength(body), meta: options.meta }
    return this.#write(ours, options.signal, () => this.inner.put(key, body, options))
  }

  override copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const ours = { key: to, size: from.size, meta: options.meta }
    return this.#write(ours, options.signal, () => this.inner.copy(from, to, options))
  }

  override setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const ours = { key: from.key, size: from.size, meta: options.meta }
    return this.#write(ours, options.signal, () => this.inner.setMeta(from, options))
  }

  override completeUpload(
    upload: Upload,
    parts: readonly Part[],
    options: PutOptions,
  ): Promise<Stored> {
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    const ours = { key: upload.key, size, meta: options.meta }
    return this.#write(ours, options.signal, () =>
      this.inner.completeUpload(upload, parts, options),
    )
  }

  /** `may`: whether another attempt is still harmless. */
  async #repeat<T>(
    signal: AbortSignal | undefined,
    run: (attempt: number) => Promise<T>,
    may: () => boolean = () => true,
  ): Promise<T> {
    const { clock, log = silentLog } = this.#options
    const begun = clock.now()
    for (let attempt = 1; ; attempt++) {
      try {
        return await run(attempt)
      } catch (error) {
        const delay = may()
          ? retryDelay(error, attempt, clock.now() - begun, this.#options)
          : undefined
        if (delay === undefined) throw error
        const { kind, details } = error as StoreError
        const { operation, key, code } = details
        log.debug('request repeated', { operation, key, kind, code, attempt, delay })
        await this.#wait(delay, signal, details.operation)
      }
    }
  }

  /** As `#repeat`, where a repetition that meets `trace` has found that the first attempt had happened. */
  async #once(trace: StoreError['kind'], run: () => Promise<void>): Promise<void> {
    let doubtful = false
    await this.#repeat(undefined, async () => {
      try {
        await run()
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (doubtful && error.kind === trace) return
        if (error.passing && error.kind !== 'throttled') doubtful = true
        throw error
      }
    })
  }

  /** A write that may have happened without our hearing of it. */
  async #write(
    ours: Ours,
    signal: AbortSignal | undefined,
    run: () => Promise<Stored>,
  ): Promise<Stored> {
    let doubtful = false
    return this.#repeat(signal, async () => {
      try {
        return await run()
      } catch (error) {
        const found = doubtful && isOwnTrace(error) ? await this.#findOurs(ours, signal) : undefined
        if (found !== undefined) return found
        if (error instanceof StoreError && error.passing && error.kind !== 'throttled')
          doubtful = true
        throw error
      }
    })
  }

  async #findOurs(ours: Ours, signal: AbortSignal | undefined): Promise<Stored | undefined> {
    const { key, size, meta } = ours
    const head = await this.inner.head(key, signal).catch(() => undefined)
    if (head === undefined || head.size !== size || !sameUser(head.meta, meta)) return undefined
    return { etag: head.etag, size, modified: head.modified }
  }

  #wait(delay: Milliseconds, signal: AbortSignal | undefined, operation: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(cancelled(operation))
      const onAbort = (): void => {
        timer.cancel()
        reject(cancelled(operation))
      }
      const timer = this.#options.clock.after(delay, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}

function cancelled(operation: string): StoreError {
  return new StoreError('aborted', `${operation}: cancelled`, { operation })
}

interface Ours {
  readonly key: Key
  readonly size: Bytes
  readonly meta: ObjectMeta | undefined
}

/** What a repeated write meets when the first one had happened after all. */
function isOwnTrace(error: unknown): boolean {
  return error instanceof StoreError && ['changed', 'exists', 'not-found'].includes(error.kind)
}

function sameUser(found: ObjectMeta, meta: ObjectMeta | undefined): boolean {
  // Without a time of its own, metadata is too common to be a mark of ours.
  if (meta?.user['mtime'] === undefined) return false
  const names = Object.keys(meta.user)
  return (
    names.length === Object.keys(found.user).length &&
    names.every(name => found.user[name] === meta.user[name])
  )
}
