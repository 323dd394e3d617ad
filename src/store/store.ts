/**
 * `ObjectStore`: the one interface between pailfs and a bucket, whatever family it is of.
 *
 * Rules for every adapter:
 * - Keys are full object names as in `core/types`; no normalisation, no escaping: any UTF-8 string of
 *   1 to 1,024 bytes, `//`, `.`, newlines and all.
 * - Everything rejects with `StoreError` only. An aborted `signal` rejects with kind `aborted`.
 * - A call is one attempt (credential renewal on a 401/ExpiredToken apart): `store/retry.ts` repeats.
 * - Nothing is asked about the vendor: what differs is in `features`, found by asking the server.
 * - Calls may run at the same time, in any number; the adapter bounds its sockets and queues the rest.
 */
import type { StoreError } from '../core/errors.ts'
import type { Bytes, CannedAcl, ETag, Key, Milliseconds, ObjectMeta, Range } from '../core/types.ts'

/** What a listing tells of an object. */
export interface ListedObject {
  readonly key: Key
  readonly size: Bytes
  readonly etag: ETag
  readonly modified: Milliseconds
  readonly storageClass?: string
  /** Only where the family's listing has it (Swift). */
  readonly contentType?: string
}

export interface ListRequest {
  /** Only keys that begin with this; '' for all. */
  readonly prefix: string
  /** With '/': keys with a further '/' after the prefix are folded into `prefixes`. */
  readonly delimiter?: '/'
  /** Only keys greater than this, in order of UTF-8 bytes. */
  readonly startAfter?: string
  /** The `next` of the page before; takes the place of startAfter. */
  readonly token?: string
  /** At most so many entries; the server's limit holds as well. */
  readonly limit?: number
}

export interface ListPage {
  readonly objects: readonly ListedObject[]
  /** Folded names, each ending with the delimiter. */
  readonly prefixes: readonly string[]
  /** Absent on the last page. */
  readonly next?: string
}

/** All that a HEAD or the head of a GET tells. */
export interface ObjectHead {
  readonly key: Key
  /** Size of the whole object, also when a range was asked for. */
  readonly size: Bytes
  readonly etag: ETag
  readonly modified: Milliseconds
  readonly meta: ObjectMeta
  readonly versionId?: string
  /** When the store deletes it by itself. */
  readonly expiry?: Milliseconds
}

/**
 * Where a body goes: straight into memory that the caller owns. `begin` is called once, before any byte;
 * then `next` gives the memory for the following bytes (never empty) and `filled` says how many arrived there.
 * If `get` rejects, the bytes already told to `filled` are good and those after them never came.
 */
export interface Sink {
  begin(head: ObjectHead): void
  next(): Uint8Array
  filled(count: number): void
}

export interface GetOptions {
  /** Bytes wanted; the server may end earlier at the end of the object. Absent: all. Never empty. */
  readonly range?: Range
  /** Only this version; another one rejects with `changed`, a missing one with `not-found`. */
  readonly ifMatch?: ETag
  readonly signal?: AbortSignal
}

/**
 * Preconditions of a write. Sent where `features.conditionalPut` / `createExclusive` allow; elsewhere the store looks just
 * before it writes (`features.looksFirst`), or ignores them.
 */
export interface WriteConditions {
  readonly ifMatch?: ETag
  /** True: only if no object of that name is there; rejects with `exists`. */
  readonly ifAbsent?: boolean
}

export interface PutOptions extends WriteConditions {
  readonly meta: ObjectMeta
  readonly acl?: CannedAcl
  readonly signal?: AbortSignal
}

/** As PutOptions, but without `meta` the source's metadata is kept as it is (S3: the COPY directive). */
export interface CopyOptions extends WriteConditions {
  readonly meta?: ObjectMeta
  readonly acl?: CannedAcl
  readonly signal?: AbortSignal
}

/** A body in memory: one piece or several in order. Not changed by anyone until the call settles. */
export type Body = Uint8Array | readonly Uint8Array[]

export interface Stored {
  readonly etag: ETag
  readonly size: Bytes
  /** Where the reply told it. */
  readonly modified?: Milliseconds
  readonly versionId?: string
}

/** The source of a copy. With an etag: only that version (checked by HEAD first where the server ignores it). */
export interface CopySource {
  readonly key: Key
  /** Another bucket of the same account. Absent: the store's own. */
  readonly bucket?: string
  readonly etag?: ETag
  /** Size of the source: copies over the server's one-request limit go in parts. */
  readonly size: Bytes
}

/** What may be swept away. */
export interface SweepOptions {
  /** Unfinished uploads that nobody has gone on with for so long are given up. */
  readonly age: Milliseconds
  /** Uploads that somebody here will go on with, by their ids. */
  readonly isKnown: (id: string) => boolean
  readonly signal?: AbortSignal
}

/** What was swept away: segments or parts, and their bytes. */
export interface Swept {
  readonly segments: number
  readonly bytes: Bytes
}

/** An unfinished large object; plain data, so that the journal can keep it. */
export interface Upload {
  readonly key: Key
  readonly id: string
}

/** A part that the server has. `ref` is the adapter's own (Swift: the segment); plain data for the journal. */
export interface Part {
  /** From 1. Order of numbers is order of bytes. */
  readonly number: number
  readonly etag: ETag
  readonly size: Bytes
  readonly ref?: string
}

export interface ListedUpload extends Upload {
  readonly started: Milliseconds
}

/** What the server can do, as far as known. Adapters change these in place when they learn more. */
export interface Features {
  /** If-Match on PUT and on completing: enforced, or not to be relied on. */
  conditionalPut: boolean
  /** If-None-Match: * on PUT and on completing. */
  createExclusive: boolean
  /** Where a condition is not enforced, the store compares by a HEAD just before the write: nobody else needs to. */
  looksFirst?: boolean
  /** Ranges of stored objects can be parts (UploadPartCopy; SLO with ranges). */
  partCopy: boolean
  /** User metadata changes without a copy (Swift POST). */
  metadataInPlace: boolean
  /** Keys in one delete request; 1 where there is no bulk delete. */
  deleteBatch: number
  /** A listing shows every change at once. False: changes may be missing for some seconds (Swift). */
  listingCurrent: boolean
  acl: boolean
  tags: boolean
  signedUrl: boolean
  /** Objects have storage classes of their own. */
  storageClass: boolean
}

/** Limits of the server, in bytes and counts. */
export interface Limits {
  /** Largest object of a single PUT. */
  readonly maxPut: Bytes
  /** Largest single-request copy. */
  readonly maxCopy: Bytes
  /** Smallest part other than the last. */
  readonly minPart: Bytes
  readonly maxPart: Bytes
  readonly maxParts: number
  readonly maxKey: Bytes
  /** User metadata: sum of names and values, one name, one value, how many. */
  readonly maxMeta: Bytes
  readonly maxMetaName: Bytes
  readonly maxMetaValue: Bytes
  readonly maxMetaCount: number
}

export interface Grant {
  /** `user NAME`, `group URI-or-name`, or a Swift referrer such as `.r:*`. */
  readonly grantee: string
  /** READ, WRITE, READ_ACP, WRITE_ACP, FULL_CONTROL. */
  readonly permission: string
}

export interface Usage {
  readonly bytes: Bytes
  readonly objects: number
  /** Absent: no quota known. */
  readonly quota?: Bytes
}

export interface ObjectStore {
  readonly family: 's3' | 'swift' | 'memory'
  /** What stands in messages and in df: `s3://bucket`, `swift://container`. */
  readonly name: string
  readonly features: Features
  readonly limits: Limits
  /** There where the first segment of each key is a bucket: the store of all buckets of an account. */
  readonly buckets?: BucketLevel | undefined

  /** One real round trip with the credentials, inside the mounted prefix; learns what it can of `features`. */
  probe(prefix: string): Promise<void>
  list(request: ListRequest, signal?: AbortSignal): Promise<ListPage>
  head(key: Key, signal?: AbortSignal): Promise<ObjectHead>
  get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead>

  put(key: Key, body: Body, options: PutOptions): Promise<Stored>
  /** A server-side copy, with new metadata or the source's. Large sources are copied in parts by the adapter. */
  copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored>
  /** New metadata for the same bytes. On S3 a copy onto itself. Rejects `not-found`; `changed` if ifMatch fails. */
  setMeta(from: CopySource, options: PutOptions): Promise<Stored>
  /** Gone afterwards, or it never was: both resolve. With ifMatch a different version rejects with `changed`. */
  delete(
    key: Key,
    options?: { readonly ifMatch?: ETag; readonly signal?: AbortSignal },
  ): Promise<void>
  /** At most `features.deleteBatch` keys in one request. Resolves with what could not be deleted. */
  deleteMany(keys: readonly Key[], signal?: AbortSignal): Promise<ReadonlyMap<Key, StoreErrorLike>>

  createUpload(key: Key, options: PutOptions): Promise<Upload>
  uploadPart(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part>
  copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part>
  completeUpload(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored>
  /** Frees the parts; a missing upload is fine. `parts`: those known, for families that have no list of them. */
  abortUpload(upload: Upload, parts: readonly Part[]): Promise<void>
  listUploads(prefix: string): Promise<readonly ListedUpload[]>
  /** Rejects `not-found` when the upload is gone. */
  listParts(upload: Upload): Promise<readonly Part[]>

  /** The key '' stands for the bucket itself, in these two. */
  getAcl(key: Key): Promise<readonly Grant[]>
  setAcl(key: Key, acl: CannedAcl): Promise<void>
  getTags(key: Key): Promise<Readonly<Record<string, string>>>
  setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void>
  /** The plain address, without a signature. */
  url(key: Key): string
  /** Good for `expires` ms from now, for GET. */
  signedUrl(key: Key, expires: Milliseconds): Promise<string>
  /** Undefined where the family cannot tell cheaply. */
  usage(): Promise<Usage | undefined>
  /**
   * Deletes what crashed clients of pailfs left in the bucket and nothing refers to. Never what others wrote, what an
   * object has, or what somebody may be about to store. Absent where the server keeps such things by itself.
   */
  sweep?(options: SweepOptions): Promise<Swept>
  /** Closes sockets; nothing may be called afterwards. */
  close(): void
}

/** The class, for its type alone. */
export type StoreErrorLike = StoreError

/** Buckets as the first level of names: made and removed at once, never by the write-back. */
export interface BucketLevel {
  /** Rejects `exists`, whosever it is, and `invalid` with the rule for names. */
  create(name: string): Promise<void>
  /** Rejects `not-empty` and deletes nothing when something is in it. */
  remove(name: string): Promise<void>
}

export interface Bucket {
  readonly name: string
  /** Undefined where the family does not tell. */
  readonly created?: Milliseconds
}

/** An account's buckets. `open` gives a store for one of them, following its region where there are regions. */
export interface BucketService {
  readonly family: 's3' | 'swift' | 'memory'
  /** What its buckets' stores begin with, before they learn. */
  readonly features: Features
  readonly limits: Limits
  listBuckets(): Promise<readonly Bucket[]>
  createBucket(name: string): Promise<void>
  /** Rejects `not-empty` and deletes nothing when something is in it. */
  deleteBucket(name: string): Promise<void>
  open(name: string): Promise<ObjectStore>
  getAcl(name: string): Promise<readonly Grant[]>
  setAcl(name: string, acl: CannedAcl): Promise<void>
  usage(): Promise<Usage | undefined>
  close(): void
}
