/**
 * Conditional writes, learnt from the server's behaviour at the first one:
 * - 501: it has none. 412 to a tag that cannot be: it has them. 200 to such a tag: it ignores them.
 * - Ceph compares If-Match with the tag as it is written without quotes; others want the quotes.
 * Until it is known, and where it is known to be missing, a HEAD is compared just before the write: that narrows the
 * window, it does not close it, which is what `features` then says.
 */
import { StoreError } from '../../core/errors.ts'
import type { ETag, Key } from '../../core/types.ts'
import { bodyLength } from '../http/head.ts'
import type { Features, Stored, WriteConditions } from '../store.ts'
import { failure } from './errors.ts'
import type { Objects, PutRequest } from './objects.ts'

type Learnt = 'unknown' | 'quoted' | 'bare' | 'none'

/** A tag that no object has. */
const IMPOSSIBLE: ETag = 'pailfs-no-such-version'
/** Bodies up to this size may be sent once more in order to learn; larger ones wait for a small one. */
const LESSON = 1024 * 1024

export class Conditions {
  readonly #objects: Objects
  readonly #features: Features
  readonly #learnt: (what: string, result: string) => void
  #match: Learnt = 'unknown'
  #absent: 'unknown' | 'yes' | 'none' = 'unknown'

  constructor(
    objects: Objects,
    features: Features,
    learnt: (what: string, result: string) => void,
  ) {
    this.#objects = objects
    this.#features = features
    this.#learnt = learnt
  }

  /** A PUT under the conditions. Rejects `changed` or `exists` where they do not hold. */
  async put(request: PutRequest, conditions: WriteConditions): Promise<Stored> {
    if (conditions.ifAbsent === true) return this.#create(request)
    if (conditions.ifMatch !== undefined) return this.#replace(request, conditions.ifMatch)
    return this.#objects.put(request)
  }

  /** Compares by HEAD. Rejects `changed`, `exists`. */
  async compare(
    operation: string,
    key: Key,
    conditions: WriteConditions,
    signal?: AbortSignal,
  ): Promise<void> {
    const { ifMatch, ifAbsent } = conditions
    if (ifMatch === undefined && ifAbsent !== true) return
    const etag = await this.#etagOf(key, signal)
    const asked = { operation, key }
    if (ifAbsent === true && etag !== undefined)
      throw failure('exists', asked, 'the object is there')
    if (ifMatch !== undefined && etag !== ifMatch)
      throw failure('changed', asked, 'the object was changed')
  }

  /** The headers of a condition in the form that this server understands, where it is known to. */
  headers(conditions: WriteConditions): Readonly<Record<string, string>> | undefined {
    if (conditions.ifAbsent === true) {
      return this.#absent === 'yes' ? { 'if-none-match': '*' } : undefined
    }
    if (conditions.ifMatch === undefined) return undefined
    if (this.#match === 'quoted') return { 'if-match': `"${conditions.ifMatch}"` }
    return this.#match === 'bare' ? { 'if-match': conditions.ifMatch } : undefined
  }

  async #create(request: PutRequest): Promise<Stored> {
    const { key, signal } = request
    const conditions = { ifAbsent: true }
    if (this.#absent !== 'yes') await this.compare('PutObject', key, conditions, signal)
    if (this.#absent === 'none') return this.#objects.put(request)
    const attempt = { ...request, condition: { 'if-none-match': '*' } }
    const stored = await this.#objects.put(attempt).catch(async (error: unknown) => {
      if (isUnsupported(error)) {
        const plain = await this.#objects.put(request)
        this.#setAbsent('none')
        return plain
      }
      if (isKind(error, 'changed')) {
        this.#setAbsent('yes')
        throw failure('exists', { operation: 'PutObject', key }, 'the object is there')
      }
      throw error
    })
    if (this.#absent !== 'unknown' || bodyLength(request.body) > LESSON) return stored
    // The same bytes once more: refused by a server that means it, without effect on one that does not.
    const again = await this.#objects.put(attempt).catch((error: unknown) => {
      if (isKind(error, 'changed')) this.#setAbsent('yes')
      return undefined
    })
    if (again !== undefined) this.#setAbsent('none')
    return again ?? stored
  }

  async #replace(request: PutRequest, etag: ETag): Promise<Stored> {
    const conditions = { ifMatch: etag }
    if (this.#match === 'quoted' || this.#match === 'bare') {
      return this.#objects.put({ ...request, condition: this.headers(conditions) ?? {} })
    }
    await this.compare('PutObject', request.key, conditions, request.signal)
    if (this.#match === 'none') return this.#objects.put(request)
    if (bodyLength(request.body) > LESSON) return this.#objects.put(request)
    return this.#learnMatch(request, etag)
  }

  async #learnMatch(request: PutRequest, etag: ETag): Promise<Stored> {
    const attempt = (value: string): Promise<Stored | undefined> =>
      this.#objects
        .put({ ...request, condition: { 'if-match': value } })
        .catch((error: unknown) => {
          if (isKind(error, 'changed')) return undefined
          throw error
        })
    try {
      const ignored = await attempt(`"${IMPOSSIBLE}"`)
      if (ignored !== undefined) {
        this.#setMatch('none')
        return ignored
      }
      const quoted = await attempt(`"${etag}"`)
      if (quoted !== undefined) {
        this.#setMatch('quoted')
        return quoted
      }
      const bare = await attempt(etag)
      if (bare !== undefined) {
        this.#setMatch('bare')
        return bare
      }
    } catch (error) {
      if (!isUnsupported(error)) throw error
      const plain = await this.#objects.put(request)
      this.#setMatch('none')
      return plain
    }
    // It refuses every form: either somebody wrote meanwhile, or its conditions are of no use.
    await this.compare('PutObject', request.key, { ifMatch: etag }, request.signal)
    this.#setMatch('none')
    return this.#objects.put(request)
  }

  async #etagOf(key: Key, signal: AbortSignal | undefined): Promise<ETag | undefined> {
    try {
      return (await this.#objects.head(key, signal)).etag
    } catch (error) {
      if (isKind(error, 'not-found')) return undefined
      throw error
    }
  }

  #setMatch(learnt: Learnt): void {
    if (this.#match === learnt) return
    this.#match = learnt
    this.#features.conditionalPut = learnt !== 'none'
    this.#learnt('If-Match on PUT', learnt)
  }

  #setAbsent(learnt: 'yes' | 'none'): void {
    if (this.#absent === learnt) return
    this.#absent = learnt
    this.#features.createExclusive = learnt === 'yes'
    this.#learnt('If-None-Match on PUT', learnt)
  }
}

function isKind(error: unknown, kind: string): boolean {
  return error instanceof StoreError && error.kind === kind
}

function isUnsupported(error: unknown): boolean {
  return isKind(error, 'unsupported')
}
