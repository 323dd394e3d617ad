/**
 * All buckets of an account as one store: a key is `BUCKET/KEY`, a listing of '' with a delimiter shows the buckets.
 *
 * `BUCKET/` is an empty object that stands for the bucket itself: its time is the bucket's creation, putting it makes
 * the bucket, deleting it deletes an empty one. Each bucket has its store of the adapter's, opened when first asked
 * for, with its own region and its own knowledge of the server. Copies between buckets stay on the server where the
 * family can do that; else the bytes pass through here, a part at a time.
 */
import {
  placeOf,
  objectOf,
  sourceIn,
  isUnsupported,
  unlessNoBucket,
  missing,
  notHere,
  type Place,
} from './bucket-keys.ts'
import { StoreError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import type { CannedAcl, ETag, Key, Milliseconds, Range } from '../core/types.ts'
import { AllFeatures } from './all-features.ts'
import { BucketList } from './bucket-list.ts'
import { copyThrough } from './copy-through.ts'
import type {
  Body,
  BucketService,
  CopyOptions,
  CopySource,
  GetOptions,
  Grant,
  Limits,
  ListPage,
  ListRequest,
  ListedObject,
  ListedUpload,
  ObjectHead,
  ObjectStore,
  Part,
  PutOptions,
  Sink,
  StoreErrorLike,
  Stored,
  SweepOptions,
  Swept,
  Upload,
  Usage,
} from './store.ts'

/** A token of a bucket's listing that begins after the entry for the bucket itself. */
const AFTER_MARKER = 's'

/** The account's buckets as one store. Closing it closes the service. */
export function allBuckets(service: BucketService, clock: Pick<Clock, 'now'>): ObjectStore {
  return new AllBuckets(service, clock)
}

class AllBuckets implements ObjectStore {
  readonly family: ObjectStore['family']
  readonly name: string
  readonly features: AllFeatures
  readonly limits: Limits
  readonly buckets: BucketList
  readonly #service: BucketService
  readonly #opening = new Map<string, Promise<ObjectStore>>()
  readonly #open = new Map<string, ObjectStore>()

  constructor(service: BucketService, clock: Pick<Clock, 'now'>) {
    this.#service = service
    this.family = service.family
    this.name = `${service.family}:`
    this.limits = service.limits
    this.features = new AllFeatures(service.features, () => this.#open.values())
    this.buckets = new BucketList(service, clock, name => {
      this.#opening.delete(name)
      this.#open.delete(name)
    })
  }

  async probe(_prefix: string): Promise<void> {
    await this.buckets.names()
  }

  async list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    const { prefix } = request
    if (!prefix.includes('/')) {
      return request.delimiter ? this.#listRoot(request) : this.#listFlat(request, signal)
    }
    return this.#listBucket(placeOf(prefix), request, signal)
  }

  async head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    const { bucket, inner } = placeOf(key)
    if (inner !== '') {
      const head = await this.#in(bucket, store => store.head(inner, signal))
      return { ...head, key }
    }
    const found = key.endsWith('/') ? await this.buckets.find(bucket) : undefined
    if (!found) throw missing('HeadBucket', key)
    return { ...this.#marker(found), meta: { user: {} } }
  }

  async get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    const { bucket, inner } = placeOf(key)
    if (inner === '') throw missing('GetObject', key)
    const outer: Sink = {
      begin: head => sink.begin({ ...head, key }),
      next: () => sink.next(),
      filled: count => sink.filled(count),
    }
    const head = await this.#in(bucket, store => store.get(inner, options, outer))
    return { ...head, key }
  }

  async put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const { bucket, inner } = placeOf(key)
    if (inner !== '') return this.#in(bucket, store => store.put(inner, body, options))
    if (!key.endsWith('/')) throw notHere('PutObject', key)
    await this.buckets.create(bucket)
    return this.head(key)
  }

  async copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const place = objectOf(to, 'CopyObject')
    const source = sourceIn(from, place.bucket)
    return this.#in(place.bucket, async store => {
      try {
        return await store.copy(source, place.inner, options)
      } catch (error) {
        if (source.bucket === undefined || !isUnsupported(error)) throw error
        const origin = await this.#store(source.bucket)
        return copyThrough(origin, source, store, place.inner, options)
      }
    })
  }

  setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const { bucket } = objectOf(from.key, 'SetMeta')
    return this.#in(bucket, store => store.setMeta(sourceIn(from, bucket), options))
  }

  delete(
    key: Key,
    options?: { readonly ifMatch?: ETag; readonly signal?: AbortSignal },
  ): Promise<void> {
    const { bucket, inner } = placeOf(key)
    if (inner === '') return this.buckets.remove(bucket)
    return this.#in(bucket, store => store.delete(inner, options)).catch(unlessNoBucket)
  }

  async deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreErrorLike>> {
    const failed = new Map<Key, StoreErrorLike>()
    for (const [bucket, group] of byBucket(keys)) {
      const inner = group.map(key => placeOf(key).inner)
      try {
        const found = await this.#in(bucket, store => store.deleteMany(inner, signal))
        for (const [key, error] of found) failed.set(`${bucket}/${key}`, error)
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (error.kind !== 'no-bucket') for (const key of group) failed.set(key, error)
      }
    }
    return failed
  }

  async createUpload(key: Key, options: PutOptions): Promise<Upload> {
    const { bucket, inner } = objectOf(key, 'CreateUpload')
    const upload = await this.#in(bucket, store => store.createUpload(inner, options))
    return { ...upload, key }
  }

  uploadPart(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part> {
    return this.#upload(upload, (store, own) => store.uploadPart(own, number, body, signal))
  }

  copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    const source = sourceIn(from, placeOf(upload.key).bucket)
    return this.#upload(upload, async (store, own) => {
      try {
        return await store.copyPart(own, number, source, range, signal)
      } catch (error) {
        if (source.bucket === undefined || !isUnsupported(error)) throw error
        // Tried again, the whole file is sent.
        this.features.partCopy = false
        throw new StoreError('unavailable', error.message, { ...error.details, cause: error })
      }
    })
  }

  completeUpload(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored> {
    return this.#upload(upload, (store, own) => store.completeUpload(own, parts, options))
  }

  abortUpload(upload: Upload, parts: readonly Part[]): Promise<void> {
    return this.#upload(upload, (store, own) => store.abortUpload(own, parts)).catch(unlessNoBucket)
  }

  async listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    const { bucket, inner } = placeOf(prefix)
    const names = prefix.includes('/') ? [bucket] : (await this.buckets.names()).keys()
    const found: ListedUpload[] = []
    for (const name of names) {
      if (!prefix.includes('/') && !name.startsWith(prefix)) continue
      const uploads = await this.#in(name, store => store.listUploads(inner))
      found.push(...uploads.map(upload => ({ ...upload, key: `${name}/${upload.key}` })))
    }
    return found
  }

  listParts(upload: Upload): Promise<readonly Part[]> {
    return this.#upload(upload, (store, own) => store.listParts(own))
  }

  getAcl(key: Key): Promise<readonly Grant[]> {
    const { bucket, inner } = placeOf(key)
    return this.#in(bucket, store => store.getAcl(inner))
  }

  setAcl(key: Key, acl: CannedAcl): Promise<void> {
    const { bucket, inner } = placeOf(key)
    return this.#in(bucket, store => store.setAcl(inner, acl))
  }

  getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    const { bucket, inner } = objectOf(key, 'GetTags')
    return this.#in(bucket, store => store.getTags(inner))
  }

  setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    const { bucket, inner } = objectOf(key, 'SetTags')
    return this.#in(bucket, store => store.setTags(inner, tags))
  }

  /** Of a bucket that was asked for something before; throws `unsupported` for others. */
  url(key: Key): string {
    const { bucket, inner } = placeOf(key)
    const store = this.#open.get(bucket)
    if (!store) throw notHere('Url', key)
    return store.url(inner)
  }

  signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    const { bucket, inner } = objectOf(key, 'SignUrl')
    return this.#in(bucket, store => store.signedUrl(inner, expires))
  }

  usage(): Promise<Usage | undefined> {
    return this.#service.usage()
  }

  /** Of the buckets that were opened so far. */
  async sweep(options: SweepOptions): Promise<Swept> {
    let segments = 0
    let bytes = 0
    for (const store of this.#open.values()) {
      const swept = await store.sweep?.(options)
      segments += swept?.segments ?? 0
      bytes += swept?.bytes ?? 0
    }
    return { segments, bytes }
  }

  close(): void {
    this.#service.close()
  }

  async #listRoot({ prefix, startAfter, token, limit }: ListRequest): Promise<ListPage> {
    const after = token ?? startAfter ?? ''
    const names = [...(await this.buckets.names()).keys()]
      .map(name => `${name}/`)
      .filter(name => name.startsWith(prefix) && (after === '' || name > after))
      .sort()
    const prefixes = limit === undefined ? names : names.slice(0, Math.max(1, limit))
    const next = prefixes.at(-1)
    return prefixes.length < names.length && next !== undefined
      ? { objects: [], prefixes, next }
      : { objects: [], prefixes }
  }

  /** Bucket after bucket; the token says where it goes on. */
  async #listFlat(request: ListRequest, signal: AbortSignal | undefined): Promise<ListPage> {
    const { prefix, token, startAfter = '' } = request
    const names = [...(await this.buckets.names()).keys()].filter(name => name.startsWith(prefix))
    names.sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1))
    const first = token === undefined ? placeOf(startAfter) : placeOf(token)
    const at = names.findIndex(name => `${name}/` >= `${first.bucket}/`)
    const bucket = names[at]
    if (bucket === undefined) return { objects: [], prefixes: [] }
    const here = bucket === first.bucket && first.inner !== ''
    const { token: _, startAfter: __, ...asked } = request
    const inner: ListRequest = {
      ...asked,
      ...(here ? (token === undefined ? { startAfter } : { token: first.inner }) : {}),
    }
    const page = await this.#listBucket({ bucket, inner: '' }, inner, signal)
    const following = names[at + 1]
    const next =
      page.next === undefined
        ? following === undefined
          ? undefined
          : `${following}/`
        : `${bucket}/${page.next}`
    const { objects, prefixes } = page
    return next === undefined ? { objects, prefixes } : { objects, prefixes, next }
  }

  /** One bucket's page. A bucket that is not there has nothing in it. */
  async #listBucket(
    { bucket, inner }: Place,
    request: ListRequest,
    signal: AbortSignal | undefined,
  ): Promise<ListPage> {
    const { delimiter, startAfter, limit, token } = request
    const begins = token === undefined && startAfter === undefined
    const marker = begins && inner === '' ? await this.buckets.find(bucket) : undefined
    const objects: ListedObject[] = marker ? [this.#marker(marker)] : []
    if (marker && limit === 1) return { objects, prefixes: [], next: AFTER_MARKER }
    const inside = startAfter?.slice(bucket.length + 1)
    const asked: ListRequest = {
      prefix: inner,
      ...(delimiter ? { delimiter } : {}),
      ...(inside ? { startAfter: inside } : {}),
      ...(token === undefined || token === AFTER_MARKER ? {} : { token: token.slice(1) }),
      ...(limit === undefined ? {} : { limit: Math.max(1, limit - objects.length) }),
    }
    try {
      const page = await this.#in(bucket, store => store.list(asked, signal))
      for (const one of page.objects) objects.push({ ...one, key: `${bucket}/${one.key}` })
      const prefixes = page.prefixes.map(name => `${bucket}/${name}`)
      return page.next === undefined
        ? { objects, prefixes }
        : { objects, prefixes, next: `t${page.next}` }
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'no-bucket') throw error
      this.buckets.forget(bucket)
      return { objects: [], prefixes: [] }
    }
  }

  #marker({ name, created }: { name: string; created: Milliseconds }) {
    return { key: `${name}/`, size: 0, etag: `created-${created}`, modified: created }
  }

  #upload<T>(upload: Upload, run: (store: ObjectStore, own: Upload) => Promise<T>): Promise<T> {
    const { bucket, inner } = objectOf(upload.key, 'Upload')
    return this.#in(bucket, store => run(store, { ...upload, key: inner }))
  }

  #store(bucket: string): Promise<ObjectStore> {
    let opening = this.#opening.get(bucket)
    if (opening === undefined) {
      opening = this.#openStore(bucket)
      this.#opening.set(bucket, opening)
      opening.catch(() => this.#opening.delete(bucket))
    }
    return opening
  }

  async #openStore(bucket: string): Promise<ObjectStore> {
    const store = await this.#service.open(bucket)
    // It learns what it can; what is wrong, the call itself will say.
    await store.probe('').catch(() => {})
    this.#open.set(bucket, store)
    return store
  }

  /** Keys in errors get their bucket back. */
  async #in<T>(bucket: string, run: (store: ObjectStore) => Promise<T>): Promise<T> {
    if (bucket === '') throw missing('Bucket', bucket)
    try {
      return await run(await this.#store(bucket))
    } catch (error) {
      if (!(error instanceof StoreError) || error.details.key === undefined) throw error
      const key = `${bucket}/${error.details.key}`
      throw new StoreError(error.kind, error.message, { ...error.details, key })
    }
  }
}

function byBucket(keys: readonly Key[]): Map<string, Key[]> {
  const groups = new Map<string, Key[]>()
  for (const key of keys) {
    const { bucket } = placeOf(key)
    const group = groups.get(bucket)
    if (group) group.push(key)
    else groups.set(bucket, [key])
  }
  return groups
}
