/**
 * Pages of object versions, in a bounded arena. A page is *loading* (owned by a fetch, never evicted) or *ready*
 * (in the LRU, evicted when its frame is needed). Copies out of ready pages are made in one synchronous step, so a
 * ready page needs no pin; a page that becomes ready hands its bytes to everybody who waits for it in that step too.
 *
 * Pages hang on a `Content`: the bytes of one version, found under (key, ETag), or under several after server-side
 * copies. An address that names a version can be evicted, but it cannot be stale.
 */
import { LRUCache } from 'lru-cache'
import { PAGE_SIZE } from '../core/page.ts'
import type { Bytes, ETag, Key, ObjectVersion, Range } from '../core/types.ts'
import { Arena } from './arena.ts'

/** Somebody who waits for pages of a version. */
export interface PageWaiter {
  /** True once it no longer wants anything. */
  readonly settled: boolean
  readonly version: ObjectVersion
  /** The last passing failure on the way, for the message of a timeout. */
  trouble: unknown
  /** Called in the step in which the page becomes ready. */
  take(page: Page): void
  /** It will not come. */
  fail(error: unknown): void
}

/** Who waits for which page. */
export interface Waiting {
  readonly index: number
  readonly waiter: PageWaiter
}

export interface Page {
  readonly content: Content
  readonly index: number
  /** Bytes of the object in this page. */
  readonly size: Bytes
  /** The frame: PAGE_SIZE bytes, of which `filled` are there. */
  readonly memory: Uint8Array
  filled: Bytes
  ready: boolean
  waiters: PageWaiter[] | undefined
}

/** The cached bytes of one version. */
export interface Content {
  readonly size: Bytes
  readonly pages: Map<number, Page>
  /** Where it is found: [key, etag]. */
  readonly names: (readonly [Key, ETag])[]
  /** Pages from `first` up to `end` are known to be there or on their way: spares looking again. */
  covered: Range | undefined
}

export class PageCache {
  /** Called when a page stopped loading, so that its frame can be had. */
  onRoom: () => void = () => {}
  readonly #arena: Arena
  readonly #ready: LRUCache<Page, Page>
  readonly #keys = new Map<Key, Map<ETag, Content>>()
  #loading = 0

  constructor(bytes: Bytes) {
    this.#arena = new Arena(bytes)
    this.#ready = new LRUCache({ max: this.#arena.capacity })
  }

  /** Pages there can be. */
  get capacity(): number {
    return this.#arena.capacity
  }
  /** Pages that fetches own now. */
  get loading(): number {
    return this.#loading
  }
  /** Pages that can be read. */
  get ready(): number {
    return this.#ready.size
  }
  /** Memory allocated so far. */
  get bytes(): Bytes {
    return this.#arena.bytes
  }

  find(version: ObjectVersion): Content | undefined {
    const content = this.#keys.get(version.key)?.get(version.etag)
    return content?.size === version.size ? content : undefined
  }

  /** Whether a page of that version can be read, whatever its size. */
  has(key: Key, etag: ETag, index: number): boolean {
    return this.#keys.get(key)?.get(etag)?.pages.get(index)?.ready === true
  }

  /** The content is found under `to` as well; nothing happens where either is unfit. */
  alias(from: ObjectVersion, to: ObjectVersion): void {
    const content = this.find(from)
    if (content === undefined || to.size !== from.size || this.find(to) !== undefined) return
    this.#name(to, content)
  }

  /** Marks a ready page as just used. */
  touch(page: Page): void {
    this.#ready.get(page)
  }

  /** A loading page of the version, which has none of this index; undefined when every frame is loading. */
  reserve(version: ObjectVersion, index: number): Page | undefined {
    const memory = this.#arena.take() ?? this.#evict()
    if (memory === undefined) return undefined
    // Only now: the evicted page may have been the last one of this very content.
    const content = this.find(version) ?? this.#create(version)
    const size = Math.min(PAGE_SIZE, content.size - index * PAGE_SIZE)
    const waiters = undefined
    const page: Page = { content, index, size, memory, filled: 0, ready: false, waiters }
    content.pages.set(index, page)
    this.#loading++
    return page
  }

  /** The loading page is complete: waiters get it, and from now on it can be evicted. */
  finish(page: Page): void {
    const { waiters } = page
    page.ready = true
    page.waiters = undefined
    this.#loading--
    this.#ready.set(page, page)
    this.onRoom()
    if (waiters === undefined) return
    for (const waiter of waiters) if (!waiter.settled) waiter.take(page)
  }

  /** The loading page will not come; its waiters, if any are left, are the caller's business. */
  release(page: Page): readonly Waiting[] {
    const { index } = page
    const left = page.waiters?.filter(waiter => !waiter.settled) ?? []
    const waiters = left.map(waiter => ({ index, waiter }))
    page.waiters = undefined
    this.#loading--
    this.#forget(page)
    this.#arena.give(page.memory)
    this.onRoom()
    return waiters
  }

  #create(version: ObjectVersion): Content {
    const content: Content = { size: version.size, pages: new Map(), names: [], covered: undefined }
    this.#name(version, content)
    return content
  }

  #evict(): Uint8Array | undefined {
    const page = this.#ready.pop()
    if (page === undefined) return undefined
    page.ready = false
    this.#forget(page)
    return page.memory
  }

  #forget(page: Page): void {
    const { content, index } = page
    content.pages.delete(index)
    const { covered } = content
    if (covered !== undefined && index >= covered.start && index < covered.end) {
      content.covered = undefined
    }
    if (content.pages.size === 0) this.#unname(content)
  }

  #name({ key, etag }: ObjectVersion, content: Content): void {
    let versions = this.#keys.get(key)
    if (versions === undefined) this.#keys.set(key, (versions = new Map()))
    versions.set(etag, content)
    content.names.push([key, etag])
  }

  #unname(content: Content): void {
    for (const [key, etag] of content.names) {
      const versions = this.#keys.get(key)
      if (versions?.get(etag) !== content) continue
      versions.delete(etag)
      if (versions.size === 0) this.#keys.delete(key)
    }
    content.names.length = 0
  }
}
