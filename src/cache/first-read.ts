/**
 * The sink of an open's GET: learns which version is there and takes the first bytes of it, straight into pages where
 * there is room. Pages are handed to the cache only when the GET has ended well.
 */
import { PAGE_SIZE } from '../core/page.ts'
import type { ObjectHead, Sink } from '../store/store.ts'
import type { Page, PageCache, Waiting } from './page-cache.ts'

export class FirstRead implements Sink {
  readonly #cache: PageCache
  #head: ObjectHead | undefined
  /** The page that is being filled, if it is one of ours. */
  #page: Page | undefined
  /** Where bytes go that are there already, or have no room. */
  #spare: Uint8Array | undefined
  #offset = 0

  constructor(cache: PageCache) {
    this.#cache = cache
  }

  begin(head: ObjectHead): void {
    this.#head = head
    this.#offset = 0
  }

  next(): Uint8Array {
    const at = this.#offset % PAGE_SIZE
    if (at === 0 && this.#page === undefined) this.#open()
    if (this.#page !== undefined) return this.#page.memory.subarray(at, this.#page.size)
    this.#spare ??= new Uint8Array(PAGE_SIZE)
    return this.#spare.subarray(at)
  }

  filled(count: number): void {
    this.#offset += count
    const page = this.#page
    if (page === undefined) return
    page.filled += count
    if (page.filled < page.size) return
    this.#page = undefined
    this.#cache.finish(page)
  }

  /** The GET has ended: a page that is not full is given back. Returns those who wait for it by now. */
  end(): readonly Waiting[] {
    const page = this.#page
    if (page === undefined) return []
    this.#page = undefined
    return this.#cache.release(page)
  }

  #open(): void {
    const head = this.#head
    const index = this.#offset / PAGE_SIZE
    if (head === undefined || this.#offset >= head.size) return
    const there = this.#cache.find(head)?.pages.has(index) === true
    this.#page = there ? undefined : this.#cache.reserve(head, index)
  }
}
