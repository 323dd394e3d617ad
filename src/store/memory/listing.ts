/**
 * What a listing shows: the names in UTF-8 order, with their facts. It is a separate index, so that a test can
 * let it lag behind the objects (`listingCurrent: false`, as on Swift).
 */
import type { Key } from '../../core/types.ts'
import type { ListPage, ListRequest, ListedObject } from '../store.ts'
import { compareUtf8, lowerBound } from './utf8-order.ts'

const PAGE_LIMIT = 1000

export class Listing {
  readonly #objects = new Map<Key, ListedObject>()
  #sorted: Key[] = []

  get size(): number {
    return this.#objects.size
  }

  show(object: ListedObject): void {
    if (!this.#objects.has(object.key)) {
      this.#sorted.splice(lowerBound(this.#sorted, object.key), 0, object.key)
    }
    this.#objects.set(object.key, object)
  }

  hide(key: Key): void {
    if (this.#objects.delete(key)) this.#sorted.splice(lowerBound(this.#sorted, key), 1)
  }

  page(request: ListRequest): ListPage {
    const { prefix, delimiter } = request
    const limit = Math.min(request.limit ?? PAGE_LIMIT, PAGE_LIMIT)
    const after = request.token ?? request.startAfter ?? ''
    const objects: ListedObject[] = []
    const prefixes: string[] = []
    let last = ''
    let at = lowerBound(this.#sorted, compareUtf8(after, prefix) > 0 ? after : prefix)
    while (at < this.#sorted.length) {
      const key = this.#sorted[at] ?? ''
      if (!key.startsWith(prefix)) break
      const fold = folded(key, prefix, delimiter)
      const name = fold ?? key
      // A fold that begins before `after` shows if a key of it comes later, as on S3 and Swift.
      if (name === after) {
        at = fold === undefined ? at + 1 : this.#past(fold)
        continue
      }
      if (objects.length + prefixes.length >= limit) return { objects, prefixes, next: last }
      last = name
      if (fold !== undefined) {
        prefixes.push(fold)
        at = this.#past(fold)
        continue
      }
      const object = this.#objects.get(key)
      if (object !== undefined) objects.push(object)
      at++
    }
    return { objects, prefixes }
  }

  /** The first index behind every key that begins with `fold`. */
  #past(fold: string): number {
    let low = lowerBound(this.#sorted, fold)
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#sorted[middle]?.startsWith(fold) === true) low = middle + 1
      else high = middle
    }
    return low
  }
}

function folded(key: Key, prefix: string, delimiter: '/' | undefined): string | undefined {
  if (delimiter === undefined) return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + 1)
}
