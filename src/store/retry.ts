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
import type { Bytes, CannedAcl, ETag, Key, Milliseconds, ObjectMeta, Range } from '../core/types.ts'
import { bodyLength } from './http/head.ts'
import type {
  Body,
  BucketLevel,
  CopyOptions,
  CopySource,
  Features,
  GetOptions,
  Grant,
  Limits,
  ListPage,
  ListRequest,
  ListedUpload,
  ObjectHead,
  ObjectStore,
  Part,
  PutOptions,
  Sink,
  StoreErrorLike,
  Stored,
  Upload,
  Usage,
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

class RetryingStore implements ObjectStore {
  readonly family: ObjectStore['family']
  readonly name: string
  readonly #store: ObjectStore
  readonly #options: RetryOptions

  constructor(store: ObjectStore, options: RetryOptions) {
    this.family = store.family
    this.name = store.name
    this.#store = store
    this.#options = options
  }

  get features(): Features {
    return this.#store.features
  }

  get limits(): Limits {
    return this.#store.limits
  }

  get buckets(): BucketLevel | undefined {
    return this.#store.buckets && this.#level
  }

  readonly #level: BucketLevel = {
    create: name => this.#once('exists', () => this.#store.buckets!.create(name)),
    remove: name => this.#once('no-bucket', () => this.#store.buckets!.remove(name)),
  }

  probe(prefix: string): Promise<void> {
    return this.#repeat(undefined, () => this.#store.probe(prefix))
  }

  list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    return this.#repeat(signal, () => this.#store.list(request, signal))
  }

  head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    return this.#repeat(signal, () => this.#store.head(key, signal))
  }

  get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
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
      () => this.#store.get(key, options, watched),
      () => !begun,
    )
  }

  put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const ours = { key, size: bodyLength(body), meta: options.meta }
    return this.#write(ours, options.signal, () => this.#store.put(key, body, options))
  }

  copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const ours = { key: to, size: from.size, meta: options.meta }
    return this.#write(ours, options.signal, () => this.#store.copy(from, to, options))
  }

  setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const ours = { key: from.key, size: from.size, meta: options.meta }
    return this.#write(ours, options.signal, () => this.#store.setMeta(from, options))
  }

  delete(
    key: Key,
    options?: { readonly ifMatch?: ETag; readonly signal?: AbortSignal },
  ): Promise<void> {
    return this.#repeat(options?.signal, () => this.#store.delete(key, options))
  }

  deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreErrorLike>> {
    return this.#repeat(signal, () => this.#store.deleteMany(keys, signal))
  }

  createUpload(key: Key, options: PutOptions): Promise<Upload> {
    return this.#repeat(options.signal, () => this.#store.createUpload(key, options))
  }

  uploadPart(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part> {
    return this.#repeat(signal, () => this.#store.uploadPart(upload, number, body, signal))
  }

  copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    return this.#repeat(signal, () => this.#store.copyPart(upload, number, from, range, signal))
  }

  completeUpload(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored> {
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    const ours = { key: upload.key, size, meta: options.meta }
    return this.#write(ours, options.signal, () =>
      this.#store.completeUpload(upload, parts, options),
    )
  }

  abortUpload(upload: Upload, parts: readonly Part[]): Promise<void> {
    return this.#repeat(undefined, () => this.#store.abortUpload(upload, parts))
  }

  listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    return this.#repeat(undefined, () => this.#store.listUploads(prefix))
  }

  listParts(upload: Upload): Promise<readonly Part[]> {
    return this.#repeat(undefined, () => this.#store.listParts(upload))
  }

  getAcl(key: Key): Promise<readonly Grant[]> {
    return this.#repeat(undefined, () => this.#store.getAcl(key))
  }

  setAcl(key: Key, acl: CannedAcl): Promise<void> {
    return this.#repeat(undefined, () => this.#store.setAcl(key, acl))
  }

  getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    return this.#repeat(undefined, () => this.#store.getTags(key))
  }

  setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    return this.#repeat(undefined, () => this.#store.setTags(key, tags))
  }

  url(key: Key): string {
    return this.#store.url(key)
  }

  signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    return this.#repeat(undefined, () => this.#store.signedUrl(key, expires))
  }

  usage(): Promise<Usage | undefined> {
    return this.#repeat(undefined, () => this.#store.usage())
  }

  close(): void {
    this.#store.close()
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
    const head = await this.#store.head(key, signal).catch(() => undefined)
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
