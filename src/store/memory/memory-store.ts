/**
 * The reference `ObjectStore`: a bucket in memory with S3's semantics, one event a call. Every effect happens
 * synchronously inside the call, so calls are atomic and in order; the same calls, clock and chance give the
 * same answers. What servers do besides (delays, losses) is the business of `faults.ts`.
 */
import type {
  Bytes,
  CannedAcl,
  ETag,
  Key,
  Milliseconds,
  ObjectMeta,
  Range,
} from '../../core/types.ts'
import type {
  Body,
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
  WriteConditions,
} from '../store.ts'
import { grantsOf } from './acl.ts'
import { checkKey, checkMeta } from './checks.ts'
import { Content } from './content.ts'
import type { Generator } from './content.ts'
import { failure, throwIfAborted } from './failure.ts'
import { Listing } from './listing.ts'
import { sizeOf } from '../decorator.ts'
import { MEMORY_LIMITS } from './options.ts'
import type { MemoryStoreOptions } from './options.ts'
import { Uploads } from './uploads.ts'

interface StoredObject {
  readonly content: Content
  readonly etag: ETag
  readonly modified: Milliseconds
  readonly meta: ObjectMeta
  acl: CannedAcl
  tags: Readonly<Record<string, string>>
}

/** Storage classes whose bytes have to be restored first. */
const COLD = new Set(['GLACIER', 'DEEP_ARCHIVE'])

export class MemoryStore implements ObjectStore {
  readonly family = 'memory'
  readonly name: string
  readonly features: Features
  readonly limits: Limits
  readonly #options: MemoryStoreOptions
  readonly #objects = new Map<Key, StoredObject>()
  readonly #listing = new Listing()
  readonly #uploads: Uploads
  #bytes: Bytes = 0
  #writes = 0
  #gone = false

  constructor(options: MemoryStoreOptions) {
    this.#options = options
    this.name = `memory://${options.bucket ?? 'bucket'}`
    this.limits = { ...MEMORY_LIMITS, ...options.limits }
    this.features = {
      conditionalPut: true,
      createExclusive: true,
      partCopy: true,
      metadataInPlace: false,
      deleteBatch: 1000,
      listingCurrent: (options.listingLag ?? 0) === 0,
      acl: true,
      tags: true,
      signedUrl: true,
      storageClass: true,
      ...options.features,
    }
    this.#uploads = new Uploads(this.limits)
  }

  /** Objects in the bucket. */
  get count(): number {
    return this.#objects.size
  }

  /** Takes the bucket away: every later call rejects with `no-bucket`. */
  drop(): void {
    this.#gone = true
  }

  /** Puts an object of made-up bytes there, of any size, at no cost. */
  plant(key: Key, size: Bytes, generator: Generator, meta: ObjectMeta = { user: {} }): ObjectHead {
    const etag = `planted-${++this.#writes}`
    this.#store(key, { content: Content.generated(size, generator), etag, meta, acl: 'private' })
    return this.#headOf(key, 'PutObject')
  }

  async probe(): Promise<void> {
    this.#enter('ListObjectsV2', '')
  }

  async list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    this.#enter('ListObjectsV2', request.prefix, signal)
    return this.#listing.page(request)
  }

  async head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    this.#enter('HeadObject', key, signal)
    return this.#headOf(key, 'HeadObject')
  }

  async get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    const operation = 'GetObject'
    this.#enter(operation, key, options.signal)
    const object = this.#find(key, operation)
    const head = this.#headOf(key, operation)
    if (options.ifMatch !== undefined && options.ifMatch !== head.etag) {
      throw failure('changed', operation, key)
    }
    this.#checkWarm(object, operation, key)
    const start = options.range?.start ?? 0
    const end = Math.min(options.range?.end ?? head.size, head.size)
    if (options.range !== undefined && start >= head.size) throw failure('range', operation, key)
    sink.begin(head)
    for (let at = start; at < end;) {
      const memory = sink.next()
      const count = Math.min(memory.length, end - at)
      object.content.read(at, memory.subarray(0, count))
      sink.filled(count)
      at += count
    }
    return head
  }

  async put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const operation = 'PutObject'
    this.#enter(operation, key, options.signal)
    if (sizeOf(body) > this.limits.maxPut) throw failure('too-large', operation, key)
    const content = Content.of(body)
    this.#checkWrite(key, options, operation)
    const acl = options.acl ?? 'private'
    return this.#store(key, { content, etag: this.#etag(content), meta: options.meta, acl })
  }

  async copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const operation = 'CopyObject'
    this.#enter(operation, to, options.signal)
    const { content, meta: before } = this.#source(from, operation)
    const meta = options.meta ?? before
    this.#checkWrite(to, { ...options, meta }, operation)
    const acl = options.acl ?? 'private'
    return this.#store(to, { content, etag: this.#etag(content), meta, acl })
  }

  async setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const operation = 'CopyObject'
    this.#enter(operation, from.key, options.signal)
    const { content, etag, acl, tags } = this.#source(from, operation)
    this.#checkWrite(from.key, options, operation)
    const { meta, acl: own = acl } = options
    const stored = this.#store(from.key, { content, etag, meta, acl: own })
    this.#find(from.key, operation).tags = tags
    return stored
  }

  async delete(
    key: Key,
    options: { readonly ifMatch?: ETag; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    this.#enter('DeleteObject', key, options.signal)
    const there = this.#objects.get(key)
    if (there === undefined) return
    if (options.ifMatch !== undefined && options.ifMatch !== there.etag) {
      throw failure('changed', 'DeleteObject', key)
    }
    this.#remove(key)
  }

  async deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreErrorLike>> {
    this.#enter('DeleteObjects', keys[0] ?? '', signal)
    if (keys.length > this.features.deleteBatch) {
      throw failure('invalid', 'DeleteObjects', keys[0], `${keys.length} keys`)
    }
    for (const key of keys) this.#remove(key)
    return new Map()
  }

  async createUpload(key: Key, options: PutOptions): Promise<Upload> {
    this.#enter('CreateMultipartUpload', key, options.signal)
    checkKey(key, this.limits, 'CreateMultipartUpload')
    checkMeta(key, options.meta, this.limits, 'CreateMultipartUpload')
    const chance = Math.floor(this.#options.random() * 2 ** 32).toString(16)
    const upload: Upload = { key, id: `upload-${++this.#writes}-${chance}` }
    this.#uploads.create(upload, this.#options.clock.now(), options.meta, options.acl ?? 'private')
    return upload
  }

  async uploadPart(
    upload: Upload,
    number: number,
    body: Body,
    signal?: AbortSignal,
  ): Promise<Part> {
    this.#enter('UploadPart', upload.key, signal)
    return this.#uploads.add(upload, number, Content.of(body), 'UploadPart')
  }

  async copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    const operation = 'UploadPartCopy'
    this.#enter(operation, upload.key, signal)
    if (!this.features.partCopy) throw failure('unsupported', operation, upload.key)
    const { content } = this.#source(from, operation)
    if (range.start >= range.end || range.end > content.size) {
      throw failure('invalid', operation, from.key, `range ${range.start}-${range.end}`)
    }
    return this.#uploads.add(upload, number, content.slice(range), operation)
  }

  /** Metadata and acl are those given at creation, as on S3. */
  async completeUpload(
    upload: Upload,
    parts: readonly Part[],
    options: PutOptions,
  ): Promise<Stored> {
    const operation = 'CompleteMultipartUpload'
    this.#enter(operation, upload.key, options.signal)
    const { content, etag, meta, acl } = this.#uploads.finish(upload, parts)
    this.#checkWrite(upload.key, options, operation)
    const tag = this.#options.etags === 'unique' ? this.#etag(content) : etag
    const stored = this.#store(upload.key, { content, etag: tag, meta, acl })
    this.#uploads.drop(upload)
    return stored
  }

  async abortUpload(upload: Upload): Promise<void> {
    this.#enter('AbortMultipartUpload', upload.key)
    this.#uploads.drop(upload)
  }

  async listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    this.#enter('ListMultipartUploads', prefix)
    return this.#uploads.list(prefix)
  }

  async listParts(upload: Upload): Promise<readonly Part[]> {
    this.#enter('ListParts', upload.key)
    return this.#uploads.parts(upload)
  }

  async getAcl(key: Key): Promise<readonly Grant[]> {
    this.#enter('GetObjectAcl', key)
    this.#need('acl', 'GetObjectAcl', key)
    return grantsOf(this.#find(key, 'GetObjectAcl').acl)
  }

  async setAcl(key: Key, acl: CannedAcl): Promise<void> {
    this.#enter('PutObjectAcl', key)
    this.#need('acl', 'PutObjectAcl', key)
    this.#find(key, 'PutObjectAcl').acl = acl
  }

  async getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    this.#enter('GetObjectTagging', key)
    this.#need('tags', 'GetObjectTagging', key)
    return this.#find(key, 'GetObjectTagging').tags
  }

  async setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    this.#enter('PutObjectTagging', key)
    this.#need('tags', 'PutObjectTagging', key)
    this.#find(key, 'PutObjectTagging').tags = { ...tags }
  }

  url(key: Key): string {
    return `${this.name}/${encodeURIComponent(key).replaceAll('%2F', '/')}`
  }

  async signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    this.#need('signedUrl', 'GetObject', key)
    return `${this.url(key)}?expires=${this.#options.clock.now() + expires}`
  }

  async usage(): Promise<Usage | undefined> {
    const { quota } = this.#options
    const usage: Usage = { bytes: this.#bytes, objects: this.#objects.size }
    return quota === undefined ? usage : { ...usage, quota }
  }

  close(): void {
    // Nothing is open: the objects stay, for the next one who asks.
  }

  #enter(operation: string, key: Key, signal?: AbortSignal): void {
    throwIfAborted(signal, operation, key)
    if (this.#gone) throw failure('no-bucket', operation, key)
  }

  #need(feature: 'acl' | 'tags' | 'signedUrl', operation: string, key: Key): void {
    if (!this.features[feature]) throw failure('unsupported', operation, key)
  }

  #find(key: Key, operation: string): StoredObject {
    const object = this.#objects.get(key)
    if (object === undefined) throw failure('not-found', operation, key)
    return object
  }

  #headOf(key: Key, operation: string): ObjectHead {
    const { content, etag, modified, meta } = this.#find(key, operation)
    return { key, size: content.size, etag, modified, meta }
  }

  #source(from: CopySource, operation: string): StoredObject {
    if (from.bucket !== undefined) {
      throw failure('unsupported', operation, from.key, 'the source is in another bucket')
    }
    const object = this.#find(from.key, operation)
    if (from.etag !== undefined && from.etag !== object.etag) {
      throw failure('changed', operation, from.key)
    }
    this.#checkWarm(object, operation, from.key)
    return object
  }

  #checkWarm(object: StoredObject, operation: string, key: Key): void {
    if (COLD.has(object.meta.storageClass ?? '')) throw failure('cold', operation, key)
  }

  #checkWrite(key: Key, options: WriteConditions & { meta: ObjectMeta }, operation: string): void {
    checkKey(key, this.limits, operation)
    checkMeta(key, options.meta, this.limits, operation)
    const there = this.#objects.get(key)
    if (options.ifAbsent === true && this.features.createExclusive && there !== undefined) {
      throw failure('exists', operation, key)
    }
    if (options.ifMatch !== undefined && this.features.conditionalPut) {
      if (there?.etag !== options.ifMatch) throw failure('changed', operation, key)
    }
  }

  #etag(content: Content): ETag {
    return this.#options.etags === 'unique' ? `unique-${++this.#writes}` : content.hash()
  }

  #store(
    key: Key,
    object: { content: Content; etag: ETag; meta: ObjectMeta; acl: CannedAcl },
  ): Stored {
    const { size } = object.content
    const bytes = this.#bytes + size - (this.#objects.get(key)?.content.size ?? 0)
    if (bytes > (this.#options.quota ?? Infinity)) throw failure('quota', 'PutObject', key)
    this.#bytes = bytes
    const modified = this.#options.clock.now()
    const meta = { ...object.meta, user: { ...object.meta.user } }
    this.#objects.set(key, { ...object, meta, modified, tags: {} })
    this.#publish(key)
    return { etag: object.etag, size, modified }
  }

  #remove(key: Key): void {
    this.#bytes -= this.#objects.get(key)?.content.size ?? 0
    if (this.#objects.delete(key)) this.#publish(key)
  }

  /** Lets the listing see what the key holds, now or after the lag. */
  #publish(key: Key): void {
    const object = this.#objects.get(key)
    const show = (): void => {
      if (object === undefined) return this.#listing.hide(key)
      const { content, etag, modified, meta } = object
      const { storageClass } = meta
      const listed = { key, size: content.size, etag, modified }
      this.#listing.show(storageClass === undefined ? listed : { ...listed, storageClass })
    }
    const lag = this.#options.listingLag ?? 0
    if (lag > 0) this.#options.clock.after(lag, show)
    else show()
  }
}
