/**
 * HEADs: those that somebody waits for, and those that will be asked for next, after a listing. A key has at most
 * one HEAD on its way, shared by all who want it. Demanded ones go first, and some places are theirs alone.
 * Every answer goes to the metadata cache.
 */
import { StoreError } from '../core/errors.ts'
import type { ETag, Key, Milliseconds } from '../core/types.ts'
import type { ObjectHead, ObjectStore } from '../store/store.ts'
import type { MetaCache } from './meta.ts'
import { Queue } from './queue.ts'

/** A version as a listing told of it. */
export interface ListedVersion {
  readonly key: Key
  readonly etag: ETag
  readonly modified: Milliseconds
}

export interface HeadAheadOptions {
  /** One that retries by itself: an error goes to those who asked. */
  readonly store: ObjectStore
  readonly meta: MetaCache
  /** Most HEADs ahead at once; default 24. */
  readonly ahead?: number
  /** Most HEADs at once in all; default 32. */
  readonly all?: number
}

/** The HEADs ahead of one listing. */
export interface HeadBatch {
  /** Resolves when none of them is left, one way or another; never rejects. */
  readonly done: Promise<void>
  /** Drops those that nobody waits for. */
  cancel(): void
}

interface Entry {
  readonly key: Key
  readonly batches: Set<Batch>
  listed: ListedVersion | undefined
  demand: Deferred | undefined
  running: AbortController | undefined
}

export class HeadAhead {
  readonly #store: ObjectStore
  readonly #meta: MetaCache
  readonly #mostAhead: number
  readonly #mostAll: number
  readonly #entries = new Map<Key, Entry>()
  /** Waiting for a place, in order; entries that were dropped or taken meanwhile are passed over. */
  readonly #demanded = new Queue<Entry>()
  readonly #queued = new Queue<Entry>()
  #running = 0
  #closed = false

  constructor({ store, meta, ahead = 24, all = 32 }: HeadAheadOptions) {
    this.#store = store
    this.#meta = meta
    this.#mostAhead = ahead
    this.#mostAll = Math.max(all, ahead)
  }

  /** HEADs on their way. */
  get running(): number {
    return this.#running
  }

  /** HEADs for all versions whose metadata is not known yet, in the order given. */
  start(versions: Iterable<ListedVersion>): HeadBatch {
    const batch = new Batch(entries => this.#cancel(entries, batch))
    for (const listed of versions) {
      const { key, etag, modified } = listed
      if (this.#closed || this.#meta.get(key, etag, modified) !== undefined) continue
      let entry = this.#entries.get(key)
      if (entry === undefined) this.#queued.add((entry = this.#create(key)))
      entry.listed = listed
      entry.batches.add(batch)
      batch.entries.add(entry)
    }
    this.#pump()
    batch.settle()
    return batch
  }

  /** The head of a key, from a HEAD that is on its way already or from a new one. Rejects with StoreError. */
  get(key: Key): Promise<ObjectHead> {
    if (this.#closed) return Promise.reject(aborted(key))
    const entry = this.#entries.get(key) ?? this.#create(key)
    if (entry.demand === undefined) {
      entry.demand = new Deferred()
      if (entry.running === undefined) this.#demanded.add(entry)
    }
    this.#pump()
    return entry.demand.promise
  }

  /** Ends everything; those who wait get `aborted`. */
  close(): void {
    this.#closed = true
    for (const entry of this.#entries.values()) {
      entry.running?.abort()
      if (entry.running === undefined) this.#settle(entry, aborted(entry.key))
    }
    this.#demanded.clear()
    this.#queued.clear()
  }

  #create(key: Key): Entry {
    const batches = new Set<Batch>()
    const entry = { key, batches, listed: undefined, demand: undefined, running: undefined }
    this.#entries.set(key, entry)
    return entry
  }

  #pump(): void {
    while (this.#running < this.#mostAll) {
      const demanded = take(this.#demanded, entry => this.#waits(entry))
      const mayAhead = this.#running < this.#mostAhead
      const entry = demanded ?? (mayAhead ? take(this.#queued, one => this.#waits(one)) : undefined)
      if (entry === undefined) return
      this.#running++
      void this.#head(entry, (entry.running = new AbortController()))
    }
  }

  #waits(entry: Entry): boolean {
    return entry.running === undefined && this.#entries.get(entry.key) === entry
  }

  async #head(entry: Entry, { signal }: AbortController): Promise<void> {
    try {
      const head = await this.#store.head(entry.key, signal)
      this.#remember(head, entry.listed)
      this.#settle(entry, head)
    } catch (error) {
      this.#settle(entry, error)
    } finally {
      this.#running--
      this.#pump()
    }
  }

  #remember({ key, etag, modified, meta }: ObjectHead, listed: ListedVersion | undefined): void {
    this.#meta.set(key, etag, modified, meta)
    if (listed?.etag !== etag || listed.modified === modified) return
    // A HEAD tells whole seconds, some servers' listings finer ones: the same version, to be found by both.
    if (Math.abs(listed.modified - modified) < 1000)
      this.#meta.set(key, etag, listed.modified, meta)
  }

  #settle(entry: Entry, outcome: unknown): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
    for (const batch of entry.batches) batch.remove(entry)
    entry.batches.clear()
    if (outcome instanceof Error) entry.demand?.reject(outcome)
    else entry.demand?.resolve(outcome as ObjectHead)
  }

  #cancel(entries: Iterable<Entry>, batch: Batch): void {
    for (const entry of entries) {
      entry.batches.delete(batch)
      if (entry.demand !== undefined || entry.batches.size > 0) continue
      // Forgotten first: who asks from now on gets a HEAD of their own.
      this.#entries.delete(entry.key)
      entry.running?.abort()
    }
  }
}

class Batch implements HeadBatch {
  readonly entries = new Set<Entry>()
  readonly done: Promise<void>
  readonly #drop: (entries: readonly Entry[]) => void
  #resolve: () => void = () => {}

  constructor(drop: (entries: readonly Entry[]) => void) {
    this.#drop = drop
    this.done = new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  cancel(): void {
    const entries = [...this.entries]
    this.entries.clear()
    this.#drop(entries)
    this.settle()
  }

  remove(entry: Entry): void {
    this.entries.delete(entry)
    this.settle()
  }

  settle(): void {
    if (this.entries.size === 0) this.#resolve()
  }
}

/** A promise and the means to settle it. */
class Deferred {
  readonly promise: Promise<ObjectHead>
  resolve: (head: ObjectHead) => void = () => {}
  reject: (error: unknown) => void = () => {}

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

/** The first that still waits; takes it and those before it off. */
function take(queue: Queue<Entry>, waits: (entry: Entry) => boolean): Entry | undefined {
  for (let entry = queue.take(); entry !== undefined; entry = queue.take()) {
    if (waits(entry)) return entry
  }
  return undefined
}

function aborted(key: Key): StoreError {
  return new StoreError('aborted', `HEAD of ${key} cancelled`, { operation: 'HeadObject', key })
}
