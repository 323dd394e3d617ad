/**
 * Listings of a container, with the sizes of large objects put right, and the question which of many keys may be
 * large. What a HEAD told of an entry is kept with its time, so that it is asked once a version.
 */
import type { Key } from '../../core/types.ts'
import { ifThere } from '../if-there.ts'
import type { ListedObject, ListPage, ListRequest, ObjectHead } from '../store.ts'
import { eachParallel } from './bulk.ts'
import { jsonOf, type SwiftClient } from './client.ts'
import { trouble } from './errors.ts'
import { parseListing, type Listed } from './listing.ts'
import type { Segments } from './segments.ts'

export interface ListerOptions {
  readonly client: SwiftClient
  readonly container: string
  readonly segments: Segments
  readonly head: (key: Key, signal?: AbortSignal) => Promise<ObjectHead>
}

/** Most answers kept. */
const KEPT = 10_000
/** HEADs at a time. */
const PARALLEL = 8

export class Lister {
  readonly #options: ListerOptions
  /** By key and time of change. */
  readonly #heads = new Map<string, Pick<ListedObject, 'size' | 'etag'>>()

  constructor(options: ListerOptions) {
    this.#options = options
  }

  async list(request: ListRequest, signal: AbortSignal | undefined): Promise<ListPage> {
    const most = this.#options.segments.capabilities.listing
    const limit = Math.max(1, Math.min(request.limit ?? most, most))
    const marker = request.token ?? request.startAfter
    const page = await this.#page(
      { prefix: request.prefix, delimiter: request.delimiter, marker, limit },
      signal,
    )
    const objects = await this.#corrected(page, signal)
    const { last } = page
    const prefixes =
      request.delimiter && request.prefix === '' && marker === undefined
        ? await this.#withLeadingSlash(page.prefixes, signal)
        : page.prefixes
    if (page.count < limit || last === undefined) return { objects, prefixes }
    // A marker that is a folded name skips all that is folded into it, on Swift and RGW.
    return { objects, prefixes, next: last }
  }

  /** Those of the keys that may be large objects: by listing the span they are in, and asking for what it lacks. */
  async maybeLarge(keys: readonly Key[], signal: AbortSignal | undefined): Promise<Set<Key>> {
    const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const wanted = new Set(sorted)
    const seen = new Set<Key>()
    const found = new Set<Key>()
    const limit = this.#options.segments.capabilities.listing
    const end = `${sorted.at(-1) ?? ''}\u0001`
    // Names just before the first sort before it: the longest prefix of it that is not itself.
    let marker: string | undefined =
      Array.from(sorted[0] ?? '')
        .slice(0, -1)
        .join('') || undefined
    for (let pages = 0; pages < 3 && seen.size < wanted.size; pages++) {
      const page: Listed = await this.#page({ prefix: '', marker, end_marker: end, limit }, signal)
      for (const { key } of page.objects) {
        if (!wanted.has(key)) continue
        seen.add(key)
        if (page.large.has(key) || page.empty.has(key) || page.manifests.has(key)) found.add(key)
      }
      if (page.count < limit || page.last === undefined) break
      marker = page.last
    }
    for (const key of wanted) if (!seen.has(key)) found.add(key)
    return found
  }

  /** RGW folds names that begin with a slash and leaves the fold out: there they are looked for. */
  async #withLeadingSlash(
    prefixes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> {
    if (this.#options.segments.capabilities.manifests || prefixes.includes('/')) return prefixes
    const { count } = await this.#page({ prefix: '/', limit: 1 }, signal)
    return count === 0 ? prefixes : ['/', ...prefixes]
  }

  async #page(
    query: Readonly<Record<string, string | number | undefined>>,
    signal: AbortSignal | undefined,
  ): Promise<Listed> {
    const operation = 'ListContainer'
    const { client, container } = this.#options
    const reply = await client.request({
      operation,
      method: 'GET',
      container,
      query: { format: 'json', ...query },
      signal,
    })
    try {
      return parseListing(jsonOf(reply, operation))
    } catch (error) {
      if (error instanceof TypeError) throw trouble('corrupt', operation, error.message)
      throw error
    }
  }

  async #corrected(
    page: Listed,
    signal: AbortSignal | undefined,
  ): Promise<readonly ListedObject[]> {
    if (page.manifests.size > 0 || page.large.size > 0) this.#options.segments.found()
    const doubtful = [...page.large]
    if (page.empty.size > 0 && (await this.#options.segments.mayExist()))
      doubtful.push(...page.empty)
    if (doubtful.length === 0) return page.objects
    const wanted = new Set(doubtful)
    const objects = [...page.objects]
    await eachParallel(
      [...objects.entries()].filter(([, each]) => wanted.has(each.key)),
      PARALLEL,
      async ([at, each]) => {
        const known = await this.#ask(each, signal)
        if (known !== undefined) objects[at] = { ...each, ...known }
      },
    )
    return objects
  }

  async #ask(
    object: ListedObject,
    signal: AbortSignal | undefined,
  ): Promise<Pick<ListedObject, 'size' | 'etag'> | undefined> {
    const id = `${object.modified} ${object.key}`
    const known = this.#heads.get(id)
    if (known !== undefined) return known
    const head = await ifThere(this.#options.head(object.key, signal))
    // Deleted meanwhile, or it expired: the listing is what there is to say.
    if (!head) return undefined
    const { size, etag } = head
    if (this.#heads.size >= KEPT) this.#heads.clear()
    this.#heads.set(id, { size, etag })
    return { size, etag }
  }
}
