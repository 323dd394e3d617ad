/**
 * A store seen below a prefix: what is mounted of a bucket. Keys lose the prefix on the way out and get it on the way
 * in, in errors too. The object named exactly as the prefix (a directory marker) has no name here and is not listed.
 */
import { StoreError } from '../core/errors.ts'
import type { CannedAcl, ETag, Key, Milliseconds, Range } from '../core/types.ts'
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
  SweepOptions,
  Swept,
  Upload,
  Usage,
} from './store.ts'

/** The same store below `prefix`, such as `a/b/`; the store itself for ''. Closing it closes the store. */
export function withPrefix(store: ObjectStore, prefix: string): ObjectStore {
  return prefix === '' ? store : new PrefixedStore(store, prefix)
}

class PrefixedStore implements ObjectStore {
  readonly family: ObjectStore['family']
  readonly name: string
  readonly limits: Limits
  readonly #store: ObjectStore
  readonly #prefix: string

  constructor(store: ObjectStore, prefix: string) {
    this.family = store.family
    this.name = `${store.name}/${prefix}`
    // A limit is on the name in its bucket.
    const inBucket = store.buckets ? prefix.slice(prefix.indexOf('/') + 1) : prefix
    this.limits = {
      ...store.limits,
      maxKey: store.limits.maxKey - new TextEncoder().encode(inBucket).length,
    }
    this.#store = store
    this.#prefix = prefix
  }

  get features(): Features {
    return this.#store.features
  }

  probe(prefix: string): Promise<void> {
    return this.#run(() => this.#store.probe(this.#in(prefix)))
  }

  async list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    const { prefix, startAfter } = request
    const asked = {
      ...request,
      prefix: this.#in(prefix),
      ...(startAfter === undefined ? {} : { startAfter: this.#in(startAfter) }),
    }
    const page = await this.#run(() => this.#store.list(asked, signal))
    const objects = page.objects
      .filter(object => object.key !== this.#prefix)
      .map(object => ({ ...object, key: this.#out(object.key) }))
    return { ...page, objects, prefixes: page.prefixes.map(name => this.#out(name)) }
  }

  async head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    return this.#headOut(await this.#run(() => this.#store.head(this.#key(key), signal)))
  }

  async get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    const inner: Sink = {
      begin: head => sink.begin(this.#headOut(head)),
      next: () => sink.next(),
      filled: count => sink.filled(count),
    }
    return this.#headOut(await this.#run(() => this.#store.get(this.#key(key), options, inner)))
  }

  put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    return this.#run(() => this.#store.put(this.#key(key), body, options))
  }

  copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    return this.#run(() => this.#store.copy(this.#source(from), this.#key(to), options))
  }

  setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    return this.#run(() => this.#store.setMeta(this.#source(from), options))
  }

  delete(
    key: Key,
    options?: { readonly ifMatch?: ETag; readonly signal?: AbortSignal },
  ): Promise<void> {
    return this.#run(() => this.#store.delete(this.#key(key), options))
  }

  async deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreErrorLike>> {
    const failed = await this.#run(() =>
      this.#store.deleteMany(
        keys.map(key => this.#key(key)),
        signal,
      ),
    )
    return new Map(
      [...failed].map(([key, error]) => [this.#out(key), this.#errorOut(error) as StoreError]),
    )
  }

  async createUpload(key: Key, options: PutOptions): Promise<Upload> {
    const upload = await this.#run(() => this.#store.createUpload(this.#key(key), options))
    return { ...upload, key }
  }

  uploadPart(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part> {
    return this.#run(() => this.#store.uploadPart(this.#upload(upload), number, body, signal))
  }

  copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    return this.#run(() =>
      this.#store.copyPart(this.#upload(upload), number, this.#source(from), range, signal),
    )
  }

  completeUpload(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored> {
    return this.#run(() => this.#store.completeUpload(this.#upload(upload), parts, options))
  }

  abortUpload(upload: Upload, parts: readonly Part[]): Promise<void> {
    return this.#run(() => this.#store.abortUpload(this.#upload(upload), parts))
  }

  async listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    const uploads = await this.#run(() => this.#store.listUploads(this.#in(prefix)))
    return uploads
      .filter(upload => upload.key !== this.#prefix)
      .map(upload => ({ ...upload, key: this.#out(upload.key) }))
  }

  listParts(upload: Upload): Promise<readonly Part[]> {
    return this.#run(() => this.#store.listParts(this.#upload(upload)))
  }

  getAcl(key: Key): Promise<readonly Grant[]> {
    if (key === '') return Promise.reject(onlyAPart('GetBucketAcl'))
    return this.#run(() => this.#store.getAcl(this.#key(key)))
  }

  setAcl(key: Key, acl: CannedAcl): Promise<void> {
    if (key === '') return Promise.reject(onlyAPart('PutBucketAcl'))
    return this.#run(() => this.#store.setAcl(this.#key(key), acl))
  }

  getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    return this.#run(() => this.#store.getTags(this.#key(key)))
  }

  setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    return this.#run(() => this.#store.setTags(this.#key(key), tags))
  }

  url(key: Key): string {
    return this.#store.url(this.#in(key))
  }

  signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    return this.#run(() => this.#store.signedUrl(this.#key(key), expires))
  }

  usage(): Promise<Usage | undefined> {
    return this.#store.usage()
  }

  /** Of the whole bucket: what nothing refers to has no prefix. */
  async sweep(options: SweepOptions): Promise<Swept> {
    return (await this.#store.sweep?.(options)) ?? { segments: 0, bytes: 0 }
  }

  close(): void {
    this.#store.close()
  }

  #in(name: string): string {
    return this.#prefix + name
  }

  /** An object's name: the empty one must not become the marker of the prefix. */
  #key(key: Key): Key {
    const asked = { operation: 'Key', key }
    if (key === '') throw new StoreError('invalid', 'the name is empty', asked)
    return this.#in(key)
  }

  #out(name: string): string {
    return name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : name
  }

  #source(from: CopySource): CopySource {
    return { ...from, key: this.#key(from.key) }
  }

  #upload(upload: Upload): Upload {
    return { ...upload, key: this.#key(upload.key) }
  }

  #headOut(head: ObjectHead): ObjectHead {
    return { ...head, key: this.#out(head.key) }
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw this.#errorOut(error)
    }
  }

  #errorOut(error: unknown): unknown {
    if (!(error instanceof StoreError) || error.details.key?.startsWith(this.#prefix) !== true)
      return error
    const key = this.#out(error.details.key)
    return new StoreError(error.kind, error.message, { ...error.details, key })
  }
}

function onlyAPart(operation: string): StoreError {
  return new StoreError('unsupported', 'only a part of the bucket is mounted', { operation })
}
