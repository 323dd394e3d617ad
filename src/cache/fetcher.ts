/**
 * Decides which GETs run. A demand starts its GETs at once; read-ahead only within its bounds (GETs in flight, pages
 * loading), and what does not fit is left out: the next read asks for it again. When every frame is loading,
 * demands wait in order for one.
 */
import { PAGE_SIZE, pageOf } from '../core/page.ts'
import type { Bytes, Milliseconds, ObjectVersion, Range } from '../core/types.ts'
import { aborted } from './demand.ts'
import { Fetch } from './fetch.ts'
import type { Failed, FetchPorts } from './fetch.ts'
import type { Page, PageWaiter, Waiting } from './page-cache.ts'
import { Queue } from './queue.ts'

export interface FetchLimits {
  /** Most bytes of one GET. */
  readonly range: Bytes
  /** Read-ahead starts no GET while so many run. */
  readonly gets: number
  /** Read-ahead starts no GET that makes more bytes than this load at once. */
  readonly loading: Bytes
}

/** How long read-ahead keeps still after one of its GETs failed. */
const AHEAD_PAUSE: Milliseconds = 1_000

/** In pages: a seek to less than this beyond the next byte of a GET waits for it, rather than ask again. */
const FAR = 16

export class Fetcher {
  readonly #ports: FetchPorts
  /** In pages. */
  readonly #longest: number
  readonly #mostLoading: number
  readonly #mostGets: number
  readonly #running = new Set<Fetch>()
  /** Demands that found no frame, by page, in order. */
  readonly #queue = new Queue<{ readonly demand: PageWaiter; readonly index: number }>()
  #draining = false
  #aheadPaused = false
  #closed = false

  constructor(ports: FetchPorts, limits: FetchLimits) {
    this.#ports = ports
    const half = Math.max(1, Math.floor(ports.cache.capacity / 2))
    this.#mostLoading = Math.min(Math.floor(limits.loading / PAGE_SIZE), half)
    this.#longest = Math.max(1, Math.min(Math.floor(limits.range / PAGE_SIZE), half))
    this.#mostGets = limits.gets
    ports.cache.onRoom = () => this.#room()
  }

  /** GETs that run. */
  get running(): number {
    return this.#running.size
  }

  /** Demands' pages that wait for a frame. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Sees to it that the demand gets pages `first` to `last`; its last GET goes on into `ahead` where they touch. */
  demand(demand: PageWaiter, first: number, last: number, ahead: Range | undefined): void {
    // Those that are there come first: making room for the others may evict them.
    const missing: number[] = []
    for (let index = first; index <= last; index++) {
      if (!this.#take(demand, index)) missing.push(index)
    }
    let run: Page[] = []
    for (const index of missing) {
      const page = this.#join(demand, index, ahead === undefined)
      const end = run.length === this.#longest || (run.at(-1)?.index ?? index) !== index - 1
      if (end) run = this.#start(demand.version, run)
      if (page !== undefined) run.push(page)
    }
    if (ahead !== undefined && run.at(-1)?.index === last) this.#extend(demand.version, run, ahead)
    this.#start(demand.version, run)
  }

  /** Fetches what is missing of the range, as far as the bounds allow. */
  ahead(version: ObjectVersion, range: Range): void {
    if (this.#aheadPaused || this.#queue.length > 0) return
    const end = Math.ceil(Math.min(range.end, version.size) / PAGE_SIZE)
    const first = Math.min(pageOf(range.start), end)
    for (let index = first; ;) {
      index = this.#firstMissing(version, index, end)
      if (index === end) break
      const length = this.#missing(version, index, end)
      if (this.#running.size >= this.#mostGets) return
      if (this.#ports.cache.loading + length > this.#mostLoading) return
      const run: Page[] = []
      for (const stop = index + length; index < stop; index++) {
        const page = this.#ports.cache.reserve(version, index)
        if (page !== undefined) run.push(page)
      }
      this.#start(version, run)
    }
    const content = this.#ports.cache.find(version)
    if (content !== undefined) content.covered = { start: first, end }
  }

  /** Stops what runs for the version and nobody waits for. */
  quiet(version: ObjectVersion): void {
    for (const fetch of this.#running) {
      if (fetch.version.key === version.key && fetch.version.etag === version.etag) fetch.cancel()
    }
  }

  /** Takes over who waits for pages that somebody else began and did not end. */
  takeOver(waiters: readonly Waiting[]): void {
    for (const { index, waiter } of waiters) {
      if (this.#closed) waiter.fail(aborted(waiter.version))
      else this.demand(waiter, index, index, undefined)
    }
  }

  close(): void {
    this.#closed = true
    for (const fetch of this.#running) fetch.close()
    for (const { demand } of this.#queue.clear()) demand.fail(aborted(demand.version))
  }

  #firstMissing(version: ObjectVersion, from: number, end: number): number {
    const pages = this.#ports.cache.find(version)?.pages
    let index = from
    while (index < end && pages?.has(index) === true) index++
    return index
  }

  /** Pages from `index` that are neither there nor on their way, up to `end` and one GET's length. */
  #missing(version: ObjectVersion, index: number, end: number): number {
    const pages = this.#ports.cache.find(version)?.pages
    const most = Math.min(end - index, this.#longest)
    let length = 0
    while (length < most && pages?.has(index + length) !== true) length++
    return length
  }

  #take(demand: PageWaiter, index: number): boolean {
    const { cache } = this.#ports
    const page = cache.find(demand.version)?.pages.get(index)
    if (page?.ready !== true) return false
    cache.touch(page)
    demand.take(page)
    return true
  }

  /** Lets the demand wait for the page, or for a frame for it. Returns it if it is new, and so to be fetched. */
  #join(demand: PageWaiter, index: number, seek: boolean): Page | undefined {
    const { cache } = this.#ports
    const loading = cache.find(demand.version)?.pages.get(index)
    if (loading !== undefined) {
      if (seek) this.#split(demand.version, loading)
      wait(loading, demand)
      return undefined
    }
    const turn = this.#queue.length === 0
    const page = turn ? cache.reserve(demand.version, index) : undefined
    if (page === undefined) this.#queue.add({ demand, index })
    else wait(page, demand)
    return page
  }

  #split(version: ObjectVersion, page: Page): void {
    for (const fetch of this.#running) {
      const pages = fetch.split(page, FAR)
      if (pages !== undefined) this.#start(version, pages)
    }
  }

  #extend(version: ObjectVersion, run: Page[], ahead: Range): void {
    const { cache } = this.#ports
    if (this.#aheadPaused || this.#queue.length > 0 || this.#running.size >= this.#mostGets) return
    const end = Math.ceil(Math.min(ahead.end, version.size) / PAGE_SIZE)
    let index = (run.at(-1)?.index ?? end) + 1
    if (ahead.start > index * PAGE_SIZE) return
    for (; index < end && run.length < this.#longest; index++) {
      if (cache.loading >= this.#mostLoading) return
      if (cache.find(version)?.pages.has(index) === true) return
      const page = cache.reserve(version, index)
      if (page === undefined) return
      run.push(page)
    }
  }

  /** Starts a GET for the pages, if there are any; returns an empty run. */
  #start(version: ObjectVersion, pages: Page[]): Page[] {
    if (pages.length === 0) return []
    const fetch = new Fetch(version, pages, this.#ports)
    this.#running.add(fetch)
    void fetch.run().then(failed => {
      this.#running.delete(fetch)
      if (failed !== undefined) this.#failed(fetch, failed)
    })
    return []
  }

  #failed({ version }: Fetch, { error, waiters }: Failed): void {
    if (waiters.length === 0 && error.kind !== 'aborted') this.#pauseAhead()
    for (const { index, waiter } of waiters) {
      if (waiter.settled) continue
      // The same bytes under another name: that name may be there still.
      const other = waiter.version.key !== version.key && !this.#closed
      if (other) this.demand(waiter, index, index, undefined)
      else waiter.fail(error)
    }
  }

  #pauseAhead(): void {
    if (this.#aheadPaused) return
    this.#aheadPaused = true
    this.#ports.clock.after(AHEAD_PAUSE, () => {
      this.#aheadPaused = false
    })
  }

  /** A frame can be had again: once this step is over, demands that wait for one go on. */
  #room(): void {
    if (this.#queue.length === 0 || this.#draining) return
    this.#draining = true
    queueMicrotask(() => {
      this.#draining = false
      this.#drain()
    })
  }

  #drain(): void {
    const { cache } = this.#ports
    for (let head = this.#queue.peek(); head !== undefined; head = this.#queue.peek()) {
      const { demand, index } = head
      const { version } = demand
      const there = cache.find(version)?.pages.get(index)
      if (!demand.settled && !this.#take(demand, index)) {
        const page = there ?? cache.reserve(version, index)
        if (page === undefined) return
        wait(page, demand)
        if (there === undefined) this.#start(version, [page])
      }
      this.#queue.take()
    }
  }
}

function wait(page: Page, demand: PageWaiter): void {
  if (page.waiters === undefined) page.waiters = [demand]
  else page.waiters.push(demand)
}
