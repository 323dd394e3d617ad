/**
 * `ObjectStore` over S3: the front that puts the parts together. What differs between servers is learnt by the parts
 * from replies and shows in `features`.
 */
import { StoreError } from '../../core/errors.ts'
import type { Bytes, CannedAcl, ETag, Key, Milliseconds, Range } from '../../core/types.ts'
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
} from '../store.ts'
import type { Place } from './account.ts'
import { BucketClient } from './bucket-client.ts'
import { Checksums } from './checksums.ts'
import { Conditions } from './conditions.ts'
import { Copier } from './copy.ts'
import { Sources } from './copy-source.ts'
import { Deletes } from './deletes.ts'
import { failure, withLongMeta } from './errors.ts'
import { Extras } from './extras.ts'
import { listQuery, parseListing } from './list.ts'
import { Objects } from './objects.ts'
import { Uploads } from './uploads.ts'

const MIB: Bytes = 1024 * 1024
const GIB: Bytes = 1024 * MIB

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html and UsingMetadata.html */
export const S3_LIMITS: Limits = {
  maxPut: 5 * GIB,
  maxCopy: 5 * GIB,
  minPart: 5 * MIB,
  maxPart: 5 * GIB,
  maxParts: 10_000,
  maxKey: 1024,
  maxMeta: 2048,
  maxMetaName: 256,
  maxMetaValue: 2048,
  maxMetaCount: 200,
}

/** Taken as there until a reply says otherwise; a condition not yet learnt is compared by HEAD besides. */
export const S3_FEATURES: Readonly<Features> = {
  conditionalPut: true,
  createExclusive: true,
  looksFirst: true,
  partCopy: true,
  metadataInPlace: false,
  deleteBatch: 1000,
  listingCurrent: true,
  acl: true,
  tags: true,
  signedUrl: true,
  storageClass: true,
}

export class S3Store implements ObjectStore {
  readonly family = 's3'
  readonly name: string
  readonly limits = S3_LIMITS
  readonly features: Features = { ...S3_FEATURES }
  readonly #client: BucketClient
  readonly #place: Place
  readonly #onClose: () => void
  readonly #objects: Objects
  readonly #conditions: Conditions
  readonly #uploads: Uploads
  readonly #copier: Copier
  readonly #deletes: Deletes
  readonly #extras: Extras

  /** `place`: where the bucket is by what is known before the first request. */
  constructor(client: BucketClient, place: Place, onClose: () => void) {
    this.name = `s3://${client.bucket}`
    this.#client = client
    this.#place = place
    this.#onClose = onClose
    const { log } = client.account.ports
    const { limits } = this
    const checksums = new Checksums(client.account.hasher)
    const objects = new Objects(client, checksums, limits)
    const conditions = new Conditions(objects, this.features, (what, result) =>
      log.info('server behaviour learnt', { bucket: client.bucket, what, result }),
    )
    const sources = new Sources(client, objects, bucket => {
      const other = new BucketClient(client.account, bucket)
      return new Objects(other, checksums, limits)
    })
    const uploads = new Uploads({ client, objects, conditions, sources })
    this.#objects = objects
    this.#conditions = conditions
    this.#uploads = uploads
    this.#copier = new Copier({ client, objects, conditions, uploads, limits, sources })
    this.#deletes = new Deletes(client, objects, this.features)
    this.#extras = new Extras(client, this.features)
  }

  /** One listing of one name, within the prefix: a policy for the prefix alone is enough. */
  async probe(prefix: string): Promise<void> {
    await this.list({ prefix, limit: 1 })
  }

  async list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    const asked = { operation: 'ListObjectsV2', method: 'GET', query: listQuery(request), signal }
    const reply = await this.#client.send(asked)
    // Swift's proxy puts its id on every reply, those of s3api too; its listings may be behind its objects.
    if (reply.headers['x-trans-id'] !== undefined) this.features.listingCurrent = false
    try {
      return parseListing(Buffer.from(reply.body).toString(), request.token)
    } catch (error) {
      throw failure('corrupt', { operation: 'ListObjectsV2' }, String(error))
    }
  }

  head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    return this.#objects.head(key, signal)
  }

  get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    return this.#objects.get(key, options, sink)
  }

  async put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    this.#objects.checkKey('PutObject', key)
    this.#objects.checkMeta('PutObject', key, options.meta)
    const { meta, acl, signal } = options
    const asked = { operation: 'PutObject', key }
    return withLongMeta(asked, meta, () =>
      this.#conditions.put({ key, body, meta, acl, signal }, options),
    )
  }

  copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const asked = { operation: 'CopyObject', key: to }
    return withLongMeta(asked, options.meta, () => this.#copier.copy(from, to, options))
  }

  async setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    this.#objects.checkMeta('CopyObject', from.key, options.meta)
    const asked = { operation: 'CopyObject', key: from.key }
    return withLongMeta(asked, options.meta, () => this.#copier.setMeta(from, options))
  }

  async delete(
    key: Key,
    options: { readonly ifMatch?: ETag; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    this.#objects.checkKey('DeleteObject', key)
    const { ifMatch, signal } = options
    try {
      // Conditional deletes are too new to be relied on, and some servers ignore the condition.
      if (ifMatch !== undefined) {
        const { etag } = await this.#objects.head(key, signal)
        const asked = { operation: 'DeleteObject', key }
        if (etag !== ifMatch) throw failure('changed', asked, 'the object was changed')
      }
      await this.#objects.delete(key, signal)
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'not-found') throw error
    }
  }

  deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreErrorLike>> {
    return this.#deletes.many(keys, signal)
  }

  createUpload(key: Key, options: PutOptions): Promise<Upload> {
    const asked = { operation: 'CreateMultipartUpload', key }
    return withLongMeta(asked, options.meta, () => this.#uploads.create(key, options))
  }

  uploadPart(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part> {
    return this.#uploads.part(upload, number, body, signal)
  }

  async copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    try {
      return await this.#uploads.copyPart(upload, number, from, range, signal)
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'unsupported')
        this.features.partCopy = false
      throw error
    }
  }

  completeUpload(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored> {
    return this.#uploads.complete(upload, parts, options)
  }

  abortUpload(upload: Upload): Promise<void> {
    return this.#uploads.abort(upload)
  }

  listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    return this.#uploads.list(prefix)
  }

  listParts(upload: Upload): Promise<readonly Part[]> {
    return this.#uploads.parts(upload)
  }

  getAcl(key: Key): Promise<readonly Grant[]> {
    return this.#extras.getAcl(key)
  }

  setAcl(key: Key, acl: CannedAcl): Promise<void> {
    return this.#extras.setAcl(key, acl)
  }

  getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    return this.#extras.getTags(key)
  }

  setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    return this.#extras.setTags(key, tags)
  }

  url(key: Key): string {
    return this.#extras.url(this.#client.lastPlace ?? this.#place, key)
  }

  signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    return this.#extras.signedUrl(key, expires)
  }

  usage(): Promise<Usage | undefined> {
    return this.#extras.usage()
  }

  close(): void {
    this.#onClose()
  }
}
