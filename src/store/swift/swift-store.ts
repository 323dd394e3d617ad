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
  Upload,
  Usage,
  WriteConditions,
} from '../store.ts'
import { toGrants } from './acl.ts'
import { deleteObjects, eachParallel } from './bulk.ts'
import type { SwiftClient } from './client.ts'
import { trouble } from './errors.ts'
import type { Capabilities } from './features.ts'
import { readInto } from './get.ts'
import { isLarge, metaHeaders, postHeaders, stripEtag, toHead, type Headers } from './headers.ts'
import { checkVersion, LargeObjects, type FoundSource } from './large.ts'
import { Lister } from './lister.ts'
import { groupsOf } from './manifest.ts'
import { isOurGroup } from './names.ts'
import { layoutGroups, Ownership, type Layout } from './ownership.ts'
import { encodePath, encodeSegment } from './path.ts'
import { probeExclusive } from './probe.ts'
import { Segments } from './segments.ts'
import { TempKey } from './tempkey.ts'
import { signature } from './tempurl.ts'
import { containerUsage } from './usage.ts'

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
    return toHead(key, (await this.#head(key, 'HeadObject', signal)).headers)
  }

  get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    return readInto(this.#client, this.#container, key, options, sink)
  }

  async put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const operation = 'PutObject'
    const size =
      body instanceof Uint8Array ? body.length : body.reduce((sum, piece) => sum + piece.length, 0)
    if (size > this.limits.maxPut)
      throw trouble('too-large', operation, `over ${this.limits.maxPut} bytes`, key)
    const [md5, old] = await Promise.all([
      this.#options.md5(body),
      this.#before(key, options, operation),
    ])
    const reply = await this.#send(operation, key, options, {
      headers: { ...metaHeaders(options.meta), etag: md5 },
      body,
    })
    await this.#replaced(key, old, undefined)
    return { etag: stripEtag(reply.headers['etag'] ?? md5), size }
  }

  async copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const operation = 'CopyObject'
    const source = await this.#head(from.key, operation, options.signal)
    const head = toHead(from.key, source.headers)
    checkVersion(from, head.etag, operation)
    const old = await this.#before(to, options, operation)
    if (isLarge(source.headers)) return this.#copyLarge(head, source.headers, to, options, old)
    const meta =
      options.meta === undefined ? {} : { 'x-fresh-metadata': 'true', ...metaHeaders(options.meta) }
    const reply = await this.#send(operation, to, options, {
      headers: {
        'x-copy-from': `/${encodeSegment(this.#container)}/${encodePath(from.key)}`,
        ...meta,
      },
      timeout: 600_000,
    })
    await this.#replaced(to, old, undefined)
    const etag = stripEtag(reply.headers['etag'] ?? head.etag)
    checkVersion(from, etag, operation)
    return { etag, size: head.size }
  }

  async setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const operation = 'SetMeta'
    const { key } = from
    const { headers } = await this.#head(key, operation, options.signal)
    const head = toHead(key, headers)
    checkVersion(from, head.etag, operation)
    checkVersion(
      { key, size: 0, ...(options.ifMatch === undefined ? {} : { etag: options.ifMatch }) },
      head.etag,
      operation,
    )
    await this.#client.request({
      operation,
      method: 'POST',
      container: this.#container,
      key,
      headers: postHeaders(options.meta, headers),
      signal: options.signal,
    })
    return { etag: head.etag, size: head.size }
  }

  async delete(key: Key, options: { ifMatch?: ETag; signal?: AbortSignal } = {}): Promise<void> {
    const operation = 'DeleteObject'
    let old: Layout | undefined
    if (options.ifMatch !== undefined || (await this.#segments.mayExist())) {
      const reply = await this.#find(key, operation, options.signal)
      if (reply === undefined) return
      if (options.ifMatch !== undefined) {
        checkVersion(
          { key, size: 0, etag: options.ifMatch },
          stripEtag(reply.headers['etag']),
          operation,
        )
      }
      old = await this.#ownership.layout(key, reply.headers)
    }
    await this.#client.request({
      operation,
      method: 'DELETE',
      container: this.#container,
      key,
      signal: options.signal,
      accept: [404],
    })
    await this.#replaced(key, old, undefined)
  }

  async deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreError>> {
    if (keys.length === 0) return new Map()
    const large = (await this.#segments.mayExist())
      ? await this.#lister.maybeLarge(keys, signal)
      : new Set<Key>()
    const plain = keys.filter(key => !large.has(key))
    const failed =
      plain.length === 0
        ? new Map<Key, StoreError>()
        : await deleteObjects(
            this.#client,
            this.#container,
            plain,
            this.features.deleteBatch,
            signal,
          )
    await eachParallel([...large], 4, async key => {
      try {
        await this.delete(key, signal === undefined ? {} : { signal })
      } catch (error) {
        failed.set(key, error as StoreError)
      }
    })
    return failed
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
    const { headers } = await this.#head(from.key, operation, signal)
    const { key, etag, size } = toHead(from.key, headers)
    checkVersion(from, etag, operation)
    const source: FoundSource = {
      key,
      etag,
      size,
      layout: await this.#ownership.layout(key, headers),
    }
    return this.#large.copyPart(upload, number, source, range)
  }

  async completeUpload(
    upload: Upload,
    parts: readonly Part[],
    options: PutOptions,
  ): Promise<Stored> {
    const { key } = upload
    const old = await this.#before(key, options, 'CompleteUpload')
    const slices = await this.#large.assemble(upload, parts, options.signal)
    const stored = await this.#putManifest(
      key,
      slices,
      metaHeaders(options.meta),
      options,
      old,
      undefined,
    )
    await this.#tidy(key, () => this.#large.finish(upload, slices))
    return stored
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

  /** Deletes segments of ours that no object has: left-overs of crashes, older than `minAge` ms (default 1 h). */
  sweepSegments(minAge?: Milliseconds): Promise<{ segments: number; bytes: number }> {
    return this.#ownership.sweep(minAge)
  }

  /** What the container grants: objects have no list of their own. */
  async getAcl(_key: Key): Promise<readonly Grant[]> {
    const reply = await this.#client.request({
      operation: 'GetContainerAcl',
      method: 'HEAD',
      container: this.#container,
    })
    return toGrants(reply.headers)
  }

  setAcl(key: Key, _acl: CannedAcl): Promise<void> {
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
    const secret = await this.#tempKey.get()
    const base = decodeURIComponent(new URL(this.#options.storageUrl).pathname)
    const until = Math.floor((this.#options.clock.now() + expires) / 1000)
    return `${this.url(key)}?${signature(`${base}/${this.#container}/${key}`, secret, digest, until)}`
  }

  usage(): Promise<Usage | undefined> {
    return containerUsage(this.#client, this.#container, this.#segments.name)
  }

  close(): void {
    this.#options.close()
  }

  #head(key: Key, operation: string, signal: AbortSignal | undefined): Promise<HttpReply> {
    return this.#client.request({
      operation,
      method: 'HEAD',
      container: this.#container,
      key,
      signal,
    })
  }

  async #find(
    key: Key,
    operation: string,
    signal: AbortSignal | undefined,
  ): Promise<HttpReply | undefined> {
    const reply = await this.#client.request({
      operation,
      method: 'HEAD',
      container: this.#container,
      key,
      signal,
      accept: [404],
    })
    return reply.status === 404 ? undefined : reply
  }

  /**
   * Before a write: its conditions, as far as the server does not check them; and what large object is there.
   * Rejects `changed` and `exists`.
   */
  async #before(
    key: Key,
    options: WriteConditions & { readonly signal?: AbortSignal },
    operation: string,
  ): Promise<Layout | undefined> {
    const { ifMatch, ifAbsent } = options
    if (ifMatch === undefined) {
      if (ifAbsent === true ? this.features.createExclusive : !(await this.#segments.mayExist()))
        return undefined
    }
    const reply = await this.#find(key, operation, options.signal)
    if (reply === undefined) {
      if (ifMatch !== undefined) throw trouble('changed', operation, 'it is gone', key)
      return undefined
    }
    if (ifAbsent === true) throw trouble('exists', operation, 'it is there already', key)
    if (ifMatch !== undefined)
      checkVersion({ key, size: 0, etag: ifMatch }, stripEtag(reply.headers['etag']), operation)
    return this.#ownership.layout(key, reply.headers)
  }

  /** A PUT of the object. A 404 can only mean the container; a 412 that the object is there. */
  async #send(
    operation: string,
    key: Key,
    options: WriteConditions & { readonly signal?: AbortSignal },
    request: { headers: Headers; body?: Body; timeout?: number },
  ): Promise<HttpReply> {
    const exclusive = options.ifAbsent === true
    const copy = request.headers['x-copy-from'] !== undefined
    const reply = await this.#client.request({
      operation,
      method: 'PUT',
      container: this.#container,
      key,
      ...request,
      headers: exclusive ? { ...request.headers, 'if-none-match': '*' } : request.headers,
      signal: options.signal,
      repeatable: !exclusive,
      accept: copy ? [412] : [404, 412],
    })
    if (reply.status === 412)
      throw trouble(exclusive ? 'exists' : 'changed', operation, 'it is there already', key)
    if (reply.status === 404)
      throw trouble('no-bucket', operation, `there is no container ${this.#container}`, key)
    return reply
  }

  async #copyLarge(
    head: ObjectHead,
    headers: Headers,
    to: Key,
    options: CopyOptions,
    old: Layout | undefined,
  ): Promise<Stored> {
    if (head.key === to && options.meta === undefined) return { etag: head.etag, size: head.size }
    const layout = await this.#ownership.layout(head.key, headers)
    const given = metaHeaders(options.meta ?? head.meta)
    if (layout?.kind === 'static')
      return this.#putManifest(to, layout.slices, given, options, old, head.key)
    if (layout === undefined)
      throw trouble('changed', 'CopyObject', 'the source was replaced', head.key)
    await this.#ownership.claim(layoutGroups(layout), to, head.key)
    const manifest = { ...given, 'x-object-manifest': headers['x-object-manifest'] ?? '' }
    await this.#send('CopyObject', to, options, { headers: manifest, body: new Uint8Array() })
    await this.#replaced(to, old, layout)
    return { etag: head.etag, size: head.size }
  }

  async #putManifest(
    key: Key,
    slices: Parameters<LargeObjects['putManifest']>[1],
    headers: Record<string, string>,
    options: WriteConditions & { readonly signal?: AbortSignal },
    old: Layout | undefined,
    from: Key | undefined,
  ): Promise<Stored> {
    // What the key's old manifest had is claimed already.
    const claimed = old?.kind === 'static' ? groupsOf(old.slices) : new Set<string>()
    const groups = [...groupsOf(slices)].filter(
      group => !(claimed.has(group) && isOurGroup(group, this.#segments.name)),
    )
    await this.#ownership.claim(groups, key, from ?? key)
    const exclusive = options.ifAbsent === true ? { 'if-none-match': '*' } : {}
    const stored = await this.#large.putManifest(
      key,
      slices,
      { ...headers, ...exclusive },
      options.signal,
    )
    await this.#replaced(key, old, { kind: 'static', slices })
    return stored
  }

  /** The old object's segments, as far as nothing has them any more. */
  #replaced(key: Key, old: Layout | undefined, now: Layout | undefined): Promise<void> {
    if (old === undefined) return Promise.resolve()
    return this.#tidy(key, () => this.#ownership.release(key, old, now))
  }

  /** Cleaning up after a success: its failure leaves segments for the sweep, and is no failure of the call. */
  async #tidy(key: Key, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log.warn('segments left behind', {
        key,
        container: this.#segments.name,
        reason,
      })
    }
  }
}
