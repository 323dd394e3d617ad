/**
 * All that replaces or deletes an object of a container: conditions, metadata, and what becomes of the segments of
 * the object that was there. Cleaning up comes after the success of the write itself and never makes it fail.
 */
import type { Conditions, NewManifest, WriterOptions } from './writer-options.ts'
import type { StoreError } from '../../core/errors.ts'
import type { ETag, Key } from '../../core/types.ts'
import { bodyLength } from '../http/head.ts'
import type { HttpReply } from '../http/types.ts'
import type {
  Body,
  CopyOptions,
  CopySource,
  ObjectHead,
  Part,
  PutOptions,
  Stored,
  Upload,
} from '../store.ts'
import { deleteObjects, eachParallel } from './bulk.ts'
import type { SwiftClient } from './client.ts'
import { trouble } from './errors.ts'
import { isLarge, metaHeaders, postHeaders, stripEtag, toHead, type Headers } from './headers.ts'
import { checkVersion, type LargeObjects } from './large.ts'
import { groupsOf, plainEtag, type Slice } from './manifest.ts'
import { isOurGroup, manifestOf } from './names.ts'
import { layoutGroups, type Layout, type Ownership } from './ownership.ts'
import { encodePath, encodeSegment } from './path.ts'
import type { Segments } from './segments.ts'

export class Writer {
  readonly #options: WriterOptions
  readonly #client: SwiftClient
  readonly #container: string
  readonly #segments: Segments
  readonly #ownership: Ownership
  readonly #large: LargeObjects

  constructor(options: WriterOptions) {
    this.#options = options
    this.#client = options.client
    this.#container = options.container
    this.#segments = options.segments
    this.#ownership = options.ownership
    this.#large = options.large
  }

  async put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const operation = 'PutObject'
    const size = bodyLength(body)
    if (size > this.#options.capabilities.limits.maxPut)
      throw trouble(
        'too-large',
        operation,
        `over ${this.#options.capabilities.limits.maxPut} bytes`,
        key,
      )
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
    const container = from.bucket ?? this.#container
    const source = await this.#head(from.key, operation, options.signal, container)
    const head = toHead(from.key, source.headers)
    checkVersion(from, head.etag, operation)
    const old = await this.#before(to, options, operation)
    const large = isLarge(source.headers)
    if (large && container !== this.#container)
      return this.#copyForeign(head, container, to, options, old)
    if (large) return this.#copyLarge(head, source.headers, to, options, old)
    const meta =
      options.meta === undefined ? {} : { 'x-fresh-metadata': 'true', ...metaHeaders(options.meta) }
    const reply = await this.#send(operation, to, options, {
      headers: {
        'x-copy-from': `/${encodeSegment(container)}/${encodePath(from.key)}`,
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
      ? await this.#options.lister.maybeLarge(keys, signal)
      : new Set<Key>()
    const plain = keys.filter(key => !large.has(key))
    const failed =
      plain.length === 0
        ? new Map<Key, StoreError>()
        : await deleteObjects(
            this.#client,
            this.#container,
            plain,
            this.#options.capabilities.features.deleteBatch,
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

  /** Stores what the parts make up. Rejects `invalid` without parts, `not-found` when some are gone. */
  async complete(upload: Upload, parts: readonly Part[], options: PutOptions): Promise<Stored> {
    const { key } = upload
    const old = await this.#before(key, options, 'CompleteUpload')
    const slices = await this.#large.assemble(upload, parts, options.signal)
    const headers = metaHeaders(options.meta)
    return this.#putManifest({ key, slices, headers, options, old, from: key, upload })
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
  async #before(key: Key, options: Conditions, operation: string): Promise<Layout | undefined> {
    const { ifMatch, ifAbsent } = options
    if (ifMatch === undefined) {
      if (
        ifAbsent === true
          ? this.#options.capabilities.features.createExclusive && operation !== 'CopyObject'
          : !(await this.#segments.mayExist())
      )
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
    options: Conditions,
    request: { headers: Headers; body?: Body; timeout?: number },
  ): Promise<HttpReply> {
    const copy = request.headers['x-copy-from'] !== undefined
    // With a copy Swift takes the condition for one on the source; `#before` has looked.
    const exclusive = options.ifAbsent === true && !copy
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
      return this.#putManifest({
        key: to,
        slices: layout.slices,
        headers: given,
        options,
        old,
        from: head.key,
      })
    if (layout?.kind !== 'dynamic') return this.#copyUnread(head, to, options, old)
    await this.#ownership.claim(layoutGroups(layout), to, head.key)
    const manifest = { ...given, 'x-object-manifest': headers['x-object-manifest'] ?? '' }
    await this.#send('CopyObject', to, options, { headers: manifest, body: new Uint8Array() })
    await this.#replaced(to, old, layout)
    return { etag: head.etag, size: head.size }
  }

  /** A large object of another container, made flat by the server: its segments stay where they are. */
  async #copyForeign(
    head: ObjectHead,
    container: string,
    to: Key,
    options: CopyOptions,
    old: Layout | undefined,
  ): Promise<Stored> {
    const operation = 'CopyObject'
    const { capabilities } = this.#options
    // A cluster that does not give manifests (RGW) copies them instead of what they stand for.
    if (head.size > capabilities.limits.maxCopy || !capabilities.manifests)
      throw trouble('unsupported', operation, 'a large object of another container', to)
    const reply = await this.#send(operation, to, options, {
      headers: {
        'x-copy-from': `/${encodeSegment(container)}/${encodePath(head.key)}`,
        'x-fresh-metadata': 'true',
        ...metaHeaders(options.meta ?? head.meta),
      },
      timeout: 600_000,
    })
    await this.#replaced(to, old, undefined)
    return { etag: stripEtag(reply.headers['etag']), size: head.size }
  }

  /**
   * A large object whose manifest cannot be read (RGW): the server copies it together with the metadata, which is
   * then replaced; without the source's metadata RGW would make an empty object of it.
   */
  async #copyUnread(
    head: ObjectHead,
    to: Key,
    options: CopyOptions,
    old: Layout | undefined,
  ): Promise<Stored> {
    const operation = 'CopyObject'
    const from = { 'x-copy-from': `/${encodeSegment(this.#container)}/${encodePath(head.key)}` }
    await this.#send(operation, to, options, { headers: from, timeout: 600_000 })
    if (options.meta !== undefined) {
      const headers = postHeaders(options.meta, {})
      await this.#client.request({
        operation,
        method: 'POST',
        container: this.#container,
        key: to,
        headers,
      })
    }
    await this.#replaced(to, old, { kind: 'unknown' })
    return { etag: head.etag, size: head.size }
  }

  async #putManifest(manifest: NewManifest): Promise<Stored> {
    const { key, slices, headers, options, old, from, upload } = manifest
    // What the key's old manifest had is claimed already.
    const claimed = old?.kind === 'static' ? groupsOf(old.slices) : new Set<string>()
    const groups = [...groupsOf(slices)].filter(
      group => !(claimed.has(group) && isOurGroup(group, this.#segments.name)),
    )
    await this.#ownership.claim(groups, key, from)
    const record = await this.#keepManifest(key, slices, plainEtag(slices))
    const exclusive = options.ifAbsent === true ? { 'if-none-match': '*' } : {}
    const stored = await this.#large.putManifest(
      key,
      slices,
      { ...headers, ...exclusive },
      options.signal,
    )
    const real = record === undefined ? undefined : manifestOf(key, stored.etag)
    if (real !== record) await this.#keepManifest(key, slices, stored.etag)
    // Before the old segments are judged: to the unfinished upload they are all in use.
    if (upload !== undefined) await this.#tidy(key, () => this.#large.finish(upload, slices))
    await this.#replaced(key, old, {
      kind: 'static',
      slices,
      ...(real === undefined ? {} : { record: real }),
    })
    return stored
  }

  /** A copy of the manifest for ourselves, where the cluster does not give it back. Resolves with its name. */
  async #keepManifest(key: Key, slices: readonly Slice[], etag: ETag): Promise<string | undefined> {
    if (this.#options.capabilities.manifests) return undefined
    const name = manifestOf(key, etag)
    await this.#segments.putRecord(name, { key, slices })
    return name
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
