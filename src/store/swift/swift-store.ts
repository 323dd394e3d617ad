/**
 * `ObjectStore` over one Swift container, by Swift's own API.
 *
 * What Swift has not is made up for here: If-Match on a PUT is a HEAD just before (so `conditionalPut` is false);
 * a POST that would drop metadata is a HEAD and a merge. An object that is replaced or deleted is looked at first
 * where large objects may be in the container, so that its segments go with it (ownership.ts).
 */
import type { Log, Random, Clock } from '../../core/ports.ts'
import type { CannedAcl, ETag, Key, Milliseconds, Range } from '../../core/types.ts'
import type { StoreError } from '../../core/errors.ts'
import type { HttpReply } from '../http/types.ts'
import type {
  Body,
  CopyOptions,
  CopySource,
  Features,
  GetOptions,
  Grant,
  Limits,
  ListedUpload,
  ListPage,
  ListRequest,
  ObjectHead,
  ObjectStore,
  Part,
  PutOptions,
  Sink,
  Stored,
  SweepOptions,
  Swept,
  Upload,
  Usage,
} from '../store.ts'
import { readAcl, writeAcl } from './acl-requests.ts'
import type { SwiftClient } from './client.ts'
import { trouble } from './errors.ts'
import type { Capabilities } from './features.ts'
import { Reader } from './reader.ts'
import { isLarge, toHead } from './headers.ts'
import { checkVersion, LargeObjects, type FoundSource } from './large.ts'
import { Lister } from './lister.ts'
import { Ownership } from './ownership.ts'
import { encodePath, encodeSegment } from './path.ts'
import { probeExclusive } from './probe.ts'
import { Segments } from './segments.ts'
import { Sweep } from './sweep.ts'
import { TempKey } from './tempkey.ts'
import { signature } from './tempurl.ts'
import { containerUsage } from './usage.ts'
import { Writer } from './writer.ts'

export interface SwiftStoreOptions {
  readonly client: SwiftClient
  readonly container: string
  /** Of the account, as the session told it. */
  readonly storageUrl: string
  readonly capabilities: Capabilities
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** MD5 of a body, in hexadecimal. */
  readonly md5: (body: Body) => Promise<string>
  /** A new secret for signing addresses. */
  readonly newKey: () => string
  readonly close: () => void
}

/** Life of the address that a signing key is tried with. */
const TRIAL = 300_000

export class SwiftStore implements ObjectStore {
  readonly family = 'swift'
  readonly name: string
  readonly features: Features
  readonly limits: Limits
  readonly #options: SwiftStoreOptions
  readonly #client: SwiftClient
  readonly #container: string
  readonly #segments: Segments
  readonly #ownership: Ownership
  readonly #large: LargeObjects
  readonly #lister: Lister
  readonly #reader: Reader
  readonly #writer: Writer
  readonly #tempKey: TempKey

  constructor(options: SwiftStoreOptions) {
    const { client, container, capabilities, clock, random, md5 } = options
    const own = { ...capabilities, features: { ...capabilities.features } }
    this.#options = options
    this.#client = client
    this.#container = container
    this.name = `swift://${container}`
    this.features = own.features
    this.limits = own.limits
    this.#segments = new Segments(client, container, own, clock)
    const pause = (ms: number): Promise<void> =>
      new Promise(resolve => void clock.after(ms, resolve))
    this.#ownership = new Ownership(this.#segments, pause)
    const parts = { segments: this.#segments, ownership: this.#ownership }
    this.#large = new LargeObjects({ ...parts, now: () => clock.now(), random, md5 })
    this.#lister = new Lister({
      ...parts,
      client,
      container,
      head: (key, signal) => this.head(key, signal),
    })
    this.#reader = new Reader(client, container, () => this.#segments.found())
    this.#writer = new Writer({
      ...parts,
      client,
      container,
      capabilities: own,
      large: this.#large,
      lister: this.#lister,
      log: options.log,
      md5,
    })
    this.#tempKey = new TempKey(client, container, clock, options.newKey)
  }

  async probe(prefix: string): Promise<void> {
    await this.list({ prefix, limit: 1 })
    this.features.createExclusive = await probeExclusive(this.#client, this.#container, prefix)
  }

  list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    return this.#lister.list(request, signal)
  }

  async head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    const { headers } = await this.#head(key, 'HeadObject', signal)
    if (isLarge(headers)) this.#segments.found()
    return toHead(key, headers)
  }

  get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    return this.#reader.read(key, options, sink)
  }

  put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    return this.#writer.put(key, body, options)
  }

  copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    return this.#writer.copy(from, to, options)
  }

  setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    return this.#writer.setMeta(from, options)
  }

  delete(key: Key, options: { ifMatch?: ETag; signal?: AbortSignal } = {}): Promise<void> {
    return this.#writer.delete(key, options)
  }

  deleteMany(keys: readonly Key[], signal?: AbortSignal): Promise<ReadonlyMap<Key, StoreError>> {
    return this.#writer.deleteMany(keys, signal)
  }

  createUpload(key: Key, _options: PutOptions): Promise<Upload> {
    return this.#large.create(key)
  }

  uploadPart(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part> {
    return this.#large.uploadPart(upload, number, body, signal)
  }

  async copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    const operation = 'CopyPart'
    const { headers } = await this.#head(from.key, operation, signal, from.bucket)
    const { key, etag, size } = toHead(from.key, headers)
    checkVersion(from, etag, operation)
    if (from.bucket !== undefined && from.bucket !== this.#container)
      return this.#large.copyForeign(upload, number, { key, bucket: from.bucket, size }, range)
    const source: FoundSource = {
      key,
      etag,
      size,
      layout: await this.#ownership.layout(key, headers),
    }
    return this.#large.copyPart(upload, number, source, range)
  }

  completeUpload(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored> {
    return this.#writer.complete(upload, parts, options)
  }

  abortUpload(upload: Upload, _parts: readonly Part[]): Promise<void> {
    return this.#large.abort(upload)
  }

  listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    return this.#large.listUploads(prefix)
  }

  listParts(upload: Upload): Promise<readonly Part[]> {
    return this.#large.listParts(upload)
  }

  sweep(options: SweepOptions): Promise<Swept> {
    const abort = (upload: Upload): Promise<void> => this.#large.abort(upload)
    const parts = { segments: this.#segments, ownership: this.#ownership, abort }
    return new Sweep(parts, options).run()
  }

  /** What the container grants: objects have no list of their own. */
  getAcl(_key: Key): Promise<readonly Grant[]> {
    return readAcl(this.#client, this.#container)
  }

  setAcl(key: Key, acl: CannedAcl): Promise<void> {
    if (key === '') return writeAcl(this.#client, this.#container, acl)
    this.features.acl = false
    const reason = 'Swift has access lists for containers only: set it on the bucket'
    return Promise.reject(trouble('unsupported', 'SetAcl', reason, key))
  }

  getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    return Promise.reject(trouble('unsupported', 'GetTags', 'Swift has no tags', key))
  }

  setTags(key: Key): Promise<void> {
    return Promise.reject(trouble('unsupported', 'SetTags', 'Swift has no tags', key))
  }

  url(key: Key): string {
    return `${this.#options.storageUrl}/${encodeSegment(this.#container)}/${encodePath(key)}`
  }

  async signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    const [digest] = this.#options.capabilities.tempUrlDigests
    if (digest === undefined)
      throw trouble('unsupported', 'SignUrl', 'the cluster has no temporary addresses', key)
    const base = decodeURIComponent(new URL(this.#options.storageUrl).pathname)
    const path = `${base}/${this.#container}/${key}`
    const sign = (secret: string, life: Milliseconds): string => {
      const until = Math.floor((this.#options.clock.now() + life) / 1000)
      return `${this.url(key)}?${signature(path, secret, digest, until)}`
    }
    return sign(await this.#tempKey.get(secret => sign(secret, TRIAL)), expires)
  }

  usage(): Promise<Usage | undefined> {
    return containerUsage(this.#client, this.#container, this.#segments.name)
  }

  close(): void {
    this.#options.close()
  }

  #head(
    key: Key,
    operation: string,
    signal: AbortSignal | undefined,
    container = this.#container,
  ): Promise<HttpReply> {
    return this.#client.request({
      operation,
      method: 'HEAD',
      container,
      key,
      signal,
    })
  }
}
