/**
 * Reading clean bytes: `ObjectReader` over pages in memory. The way of a read: pages that are ready are copied at
 * once (the hot path allocates nothing but the answer); for the rest a `Demand` waits while the fetcher gets them.
 */
import { PAGE_SIZE, pageOf } from '../core/page.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Bytes, ETag, Key, Milliseconds, ObjectVersion, Range } from '../core/types.ts'
import type { ObjectHead, ObjectStore } from '../store/store.ts'
import { Demand, aborted, copyOut } from './demand.ts'
import { Fetcher } from './fetcher.ts'
import { PageCache } from './page-cache.ts'
import type { ObjectReader } from '../store/reader.ts'
import { revalidate } from './revalidate.ts'

const MIB = 2 ** 20

export interface ObjectReaderOptions {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly random: Random
  /** Bound of the pages' memory; default 256 MiB. */
  readonly cacheBytes?: Bytes
  /** How long a read tries before it rejects with `timeout`; default 60 s. */
  readonly readTimeout?: Milliseconds
  /** Bytes that an open's GET asks for; default one page. */
  readonly firstFetch?: Bytes
  /** Most bytes of one GET; default 8 MiB. */
  readonly maxFetch?: Bytes
  /** Read-ahead starts no GET while so many run; default 8. */
  readonly maxGets?: number
  /** Read-ahead never makes more bytes than this load at once; default 64 MiB. */
  readonly maxLoading?: Bytes
}

export class CachedReader implements ObjectReader {
  readonly #options: ObjectReaderOptions
  readonly #cache: PageCache
  readonly #fetcher: Fetcher
  readonly #timeout: Milliseconds
  readonly #closed = new AbortController()
  #isClosed = false

  constructor(options: ObjectReaderOptions) {
    const { store, clock, random } = options
    const cache = new PageCache(options.cacheBytes ?? 256 * MIB)
    this.#options = options
    this.#cache = cache
    this.#timeout = options.readTimeout ?? 60_000
    this.#fetcher = new Fetcher(
      { store, cache, clock, random, stall: Math.max(1, this.#timeout / 4) },
      {
        range: options.maxFetch ?? 8 * MIB,
        gets: options.maxGets ?? 8,
        loading: options.maxLoading ?? 64 * MIB,
      },
    )
  }

  /** Memory allocated for pages. */
  get bytes(): Bytes {
    return this.#cache.bytes
  }

  /** For metrics and tests: pages by state, GETs, pages' waiters for a frame. */
  get state(): Readonly<Record<'capacity' | 'ready' | 'loading' | 'gets' | 'waiting', number>> {
    const { capacity, ready, loading } = this.#cache
    const { running, waiting } = this.#fetcher
    return { capacity, ready, loading, gets: running, waiting }
  }

  revalidate(key: Key, known: ETag | undefined): Promise<ObjectHead> {
    const { store, clock, random, firstFetch } = this.#options
    return revalidate(
      { store, cache: this.#cache, clock, random, retry: list => this.#fetcher.takeOver(list) },
      { key, known, bytes: firstFetch ?? PAGE_SIZE, timeout: this.#timeout },
      this.#closed.signal,
    )
  }

  async read(
    version: ObjectVersion,
    offset: Bytes,
    into: Uint8Array,
    ahead: Range | undefined,
    signal?: AbortSignal,
  ): Promise<number> {
    if (signal?.aborted === true || this.#isClosed) throw aborted(version)
    const length = Math.min(into.length, version.size - offset)
    if (length <= 0) return 0
    const target = length === into.length ? into : into.subarray(0, length)
    if (this.#copyReady(version, offset, target)) {
      if (ahead !== undefined) this.#ahead(version, ahead)
      return length
    }
    const { clock } = this.#options
    const timeout = this.#timeout
    const demand = new Demand({ version, offset, into: target, clock, timeout, signal })
    this.#fetcher.demand(demand, pageOf(offset), pageOf(offset + length - 1), ahead)
    if (ahead !== undefined) this.#ahead(version, ahead)
    return demand.promise
  }

  *held(
    version: ObjectVersion,
    range: Range,
  ): Generator<{ offset: Bytes; bytes: Uint8Array }, void> {
    for (let index = pageOf(range.start); index * PAGE_SIZE < range.end; index++) {
      const page = this.#cache.find(version)?.pages.get(index)
      if (page?.ready !== true) continue
      const from = index * PAGE_SIZE
      const start = Math.max(range.start, from)
      const end = Math.min(range.end, from + page.size)
      yield { offset: start, bytes: page.memory.slice(start - from, end - from) }
    }
  }

  quiet(version: ObjectVersion): void {
    this.#fetcher.quiet(version)
  }

  adopt(version: ObjectVersion, offset: Bytes, bytes: Uint8Array): void {
    if (this.#isClosed) return
    const end = Math.min(offset + bytes.length, version.size)
    for (let index = Math.ceil(offset / PAGE_SIZE); index * PAGE_SIZE < end; index++) {
      const start = index * PAGE_SIZE
      const size = Math.min(PAGE_SIZE, version.size - start)
      if (start + size > end) return
      if (this.#cache.find(version)?.pages.has(index) === true) continue
      const page = this.#cache.reserve(version, index)
      if (page === undefined) return
      page.memory.set(bytes.subarray(start - offset, start - offset + size))
      page.filled = size
      this.#cache.finish(page)
    }
  }

  alias(from: ObjectVersion, to: ObjectVersion): void {
    this.#cache.alias(from, to)
  }

  close(): void {
    this.#isClosed = true
    this.#closed.abort()
    this.#fetcher.close()
  }

  /** Copies everything if every page is ready; tells whether it did. */
  #copyReady(version: ObjectVersion, offset: Bytes, into: Uint8Array): boolean {
    const content = this.#cache.find(version)
    if (content === undefined) return false
    const last = pageOf(offset + into.length - 1)
    for (let index = pageOf(offset); index <= last; index++) {
      const page = content.pages.get(index)
      if (page?.ready !== true) return false
      this.#cache.touch(page)
      copyOut(page, offset, into)
    }
    return true
  }

  #ahead(version: ObjectVersion, ahead: Range): void {
    const end = Math.min(ahead.end, version.size)
    if (end <= ahead.start) return
    const covered = this.#cache.find(version)?.covered
    if (covered !== undefined) {
      const there = pageOf(ahead.start) >= covered.start && end <= covered.end * PAGE_SIZE
      if (there) return
    }
    this.#fetcher.ahead(version, ahead)
  }
}
