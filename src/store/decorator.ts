/**
 * A store around a store: every call goes through `around`, which sees the operation's name, its key and its
 * signal, and decides when and whether the inner call happens. The base of the counting, faulty and patient ones.
 */
import type { Bytes, CannedAcl, Key, Milliseconds, Range } from '../core/types.ts'
import type {
  Body,
  BucketLevel,
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

/** The operations that are requests. */
export type Operation = Exclude<
  keyof ObjectStore,
  'family' | 'name' | 'features' | 'limits' | 'buckets' | 'url' | 'sweep' | 'close'
>

export interface Call {
  readonly operation: Operation
  /** The key, prefix or first key that the call is about. */
  readonly key: Key
  /** Of a ranged GET or a part copy. */
  readonly range?: Range | undefined
  /** Bytes of the body that goes up. */
  readonly bytes: Bytes
  readonly signal?: AbortSignal | undefined
}

export abstract class StoreDecorator implements ObjectStore {
  readonly inner: ObjectStore

  constructor(inner: ObjectStore) {
    this.inner = inner
  }

  protected abstract around<T>(call: Call, run: () => Promise<T>): Promise<T>

  get family(): 's3' | 'swift' | 'memory' {
    return this.inner.family
  }
  get buckets(): BucketLevel | undefined {
    return this.inner.buckets
  }
  get name(): string {
    return this.inner.name
  }
  get features(): Features {
    return this.inner.features
  }
  get limits(): Limits {
    return this.inner.limits
  }

  probe(prefix: string): Promise<void> {
    return this.#call('probe', prefix, undefined, () => this.inner.probe(prefix))
  }
  list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    return this.#call('list', request.prefix, signal, () => this.inner.list(request, signal))
  }
  head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    return this.#call('head', key, signal, () => this.inner.head(key, signal))
  }
  get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    const { range, signal } = options
    const call: Call = { operation: 'get', key, bytes: 0, range, signal }
    return this.around(call, () => this.inner.get(key, options, sink))
  }

  put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const call: Call = { operation: 'put', key, bytes: sizeOf(body), signal: options.signal }
    return this.around(call, () => this.inner.put(key, body, options))
  }
  copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    return this.#call('copy', to, options.signal, () => this.inner.copy(from, to, options))
  }
  setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    return this.#call('setMeta', from.key, options.signal, () => this.inner.setMeta(from, options))
  }
  delete(
    key: Key,
    options?: { readonly ifMatch?: string; readonly signal?: AbortSignal },
  ): Promise<void> {
    return this.#call('delete', key, options?.signal, () => this.inner.delete(key, options))
  }
  deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreErrorLike>> {
    const run = (): Promise<ReadonlyMap<Key, StoreErrorLike>> => this.inner.deleteMany(keys, signal)
    return this.#call('deleteMany', keys[0] ?? '', signal, run)
  }

  createUpload(key: Key, options: PutOptions): Promise<Upload> {
    const run = (): Promise<Upload> => this.inner.createUpload(key, options)
    return this.#call('createUpload', key, options.signal, run)
  }
  uploadPart(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part> {
    const { key } = upload
    const call: Call = { operation: 'uploadPart', key, bytes: sizeOf(body), signal }
    return this.around(call, () => this.inner.uploadPart(upload, number, body, signal))
  }
  copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    const call: Call = { operation: 'copyPart', key: upload.key, bytes: 0, range, signal }
    return this.around(call, () => this.inner.copyPart(upload, number, from, range, signal))
  }
  completeUpload(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored> {
    const run = (): Promise<Stored> => this.inner.completeUpload(upload, parts, options)
    return this.#call('completeUpload', upload.key, options.signal, run)
  }
  abortUpload(upload: Upload, parts: readonly Part[]): Promise<void> {
    const run = (): Promise<void> => this.inner.abortUpload(upload, parts)
    return this.#call('abortUpload', upload.key, undefined, run)
  }
  listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    return this.#call('listUploads', prefix, undefined, () => this.inner.listUploads(prefix))
  }
  listParts(upload: Upload): Promise<readonly Part[]> {
    return this.#call('listParts', upload.key, undefined, () => this.inner.listParts(upload))
  }

  getAcl(key: Key): Promise<readonly Grant[]> {
    return this.#call('getAcl', key, undefined, () => this.inner.getAcl(key))
  }
  setAcl(key: Key, acl: CannedAcl): Promise<void> {
    return this.#call('setAcl', key, undefined, () => this.inner.setAcl(key, acl))
  }
  getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    return this.#call('getTags', key, undefined, () => this.inner.getTags(key))
  }
  setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    return this.#call('setTags', key, undefined, () => this.inner.setTags(key, tags))
  }
  url(key: Key): string {
    return this.inner.url(key)
  }
  signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    return this.#call('signedUrl', key, undefined, () => this.inner.signedUrl(key, expires))
  }
  usage(): Promise<Usage | undefined> {
    return this.#call('usage', '', undefined, () => this.inner.usage())
  }
  async sweep(options: SweepOptions): Promise<Swept> {
    return (await this.inner.sweep?.(options)) ?? { segments: 0, bytes: 0 }
  }
  close(): void {
    this.inner.close()
  }

  #call<T>(
    operation: Operation,
    key: Key,
    signal: AbortSignal | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    return this.around({ operation, key, bytes: 0, signal }, run)
  }
}

/** The bytes of a body. */
export function sizeOf(body: Body): Bytes {
  if (body instanceof Uint8Array) return body.length
  return body.reduce((sum, piece) => sum + piece.length, 0)
}
