/** The hot requests of single objects: HEAD, GET into a sink, PUT, DELETE. One request each, no conditions learnt here. */
import type { CannedAcl, Key, ObjectMeta, Range } from '../../core/types.ts'
import { bodyLength } from '../http/head.ts'
import type { BodySink, HttpHeaders } from '../http/types.ts'
import type { Body, GetOptions, Limits, ObjectHead, Sink, Stored } from '../store.ts'
import { BodyChecks, type BodyCheck } from '../body-check.ts'
import type { BucketClient } from './bucket-client.ts'
import type { ChecksumMode, Checksums } from './checksums.ts'
import { failure, type Asked } from './errors.ts'
import { headOf, metaFault, metaHeaders, unquote } from './headers.ts'

export interface PutRequest {
  readonly key: Key
  readonly body: Body
  readonly meta: ObjectMeta
  readonly acl?: CannedAcl | undefined
  readonly signal?: AbortSignal | undefined
  /** If-Match or If-None-Match, as they go on the wire. */
  readonly condition?: Readonly<Record<string, string>>
}

const NEVER_SENT = new Uint8Array(0)

export class Objects {
  readonly #client: BucketClient
  readonly #checksums: Checksums
  readonly #limits: Limits
  readonly #bodies = new BodyChecks()

  constructor(client: BucketClient, checksums: Checksums, limits: Limits) {
    this.#client = client
    this.#checksums = checksums
    this.#limits = limits
  }

  /** Throws `invalid` for a key that no server takes. */
  checkKey(operation: string, key: Key): void {
    const asked = { operation, key }
    if (key === '') throw failure('invalid', asked, 'the name is empty')
    if (key.length * 3 > this.#limits.maxKey && Buffer.byteLength(key) > this.#limits.maxKey) {
      throw failure('invalid', asked, `the name is over ${this.#limits.maxKey} bytes`)
    }
  }

  checkMeta(operation: string, key: Key, meta: ObjectMeta | undefined): void {
    const fault = meta === undefined ? undefined : metaFault(meta, this.#limits)
    if (fault !== undefined) throw failure(fault[0], { operation, key }, fault[1])
  }

  async head(key: Key, signal?: AbortSignal): Promise<ObjectHead> {
    this.checkKey('HeadObject', key)
    const reply = await this.#client.send({ operation: 'HeadObject', method: 'HEAD', key, signal })
    return headOf(key, reply.headers, Number(reply.headers['content-length'] ?? 0))
  }

  async get(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    this.checkKey('GetObject', key)
    const { range, ifMatch, signal } = options
    const asked = { operation: 'GetObject', key }
    const headers: Record<string, string> = {}
    if (range !== undefined) {
      const last = Number.isFinite(range.end) ? String(range.end - 1) : ''
      headers['range'] = `bytes=${range.start}-${last}`
    }
    if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`
    const body = new ObjectBody(asked, options, sink, this.#bodies)
    await this.#client.send({ ...asked, method: 'GET', headers, sink: body, signal })
    return body.head
  }

  async put(request: PutRequest): Promise<Stored> {
    const { key, body, meta, acl, condition, signal } = request
    const headers = { ...metaHeaders(meta, acl, this.#client.account.options), ...condition }
    const asked = { operation: 'PutObject', key }
    const reply = await this.sendBody(asked, {
      body,
      headers,
      signal,
      repeatable: condition === undefined,
    })
    const version = reply['x-amz-version-id']
    return {
      etag: unquote(reply['etag']),
      size: bodyLength(body),
      ...(version === undefined || version === 'null' ? {} : { versionId: version }),
    }
  }

  /** A PUT of a body with its checksum; the headers of the reply. */
  async sendBody(
    asked: Asked & { readonly key: Key },
    request: {
      readonly body: Body
      readonly headers: Readonly<Record<string, string>>
      readonly query?: Readonly<Record<string, string>>
      readonly mode?: ChecksumMode
      readonly signal?: AbortSignal | undefined
      readonly repeatable: boolean
    },
  ): Promise<HttpHeaders> {
    const { body, mode, query, signal, repeatable } = request
    const sent = await this.#checksums.protect(body, mode, !repeatable)
    try {
      const reply = await this.#client.send({
        ...asked,
        method: 'PUT',
        headers: { ...request.headers, ...sent.headers },
        body: bodyLength(body) === 0 ? NEVER_SENT : body,
        payload: sent.payload,
        signal,
        repeatable,
        ...(query === undefined ? {} : { query }),
      })
      const checked = await this.#checksums.accepted(asked, body, sent, reply.headers)
      return checked ? reply.headers : await this.sendBody(asked, request)
    } catch (error) {
      const { origin } = await this.#client.place()
      if (!this.#checksums.signFromNowOn(error, origin.startsWith('https:'))) throw error
      return this.sendBody(asked, request)
    }
  }

  async delete(key: Key, signal?: AbortSignal): Promise<void> {
    await this.#client.send({ operation: 'DeleteObject', method: 'DELETE', key, signal })
  }
}

/** Between the connection and the caller's sink: nothing passes that is not the version and range asked for. */
class ObjectBody implements BodySink {
  readonly #asked: Asked & { readonly key: Key }
  readonly #options: GetOptions
  readonly #sink: Sink
  readonly #checks: BodyChecks
  #head: ObjectHead | undefined
  #check: BodyCheck | undefined
  #memory: Uint8Array | undefined

  constructor(
    asked: Asked & { readonly key: Key },
    options: GetOptions,
    sink: Sink,
    checks: BodyChecks,
  ) {
    this.#asked = asked
    this.#options = options
    this.#sink = sink
    this.#checks = checks
  }

  get head(): ObjectHead {
    if (this.#head === undefined) throw failure('failed', this.#asked, 'a reply without a head')
    return this.#head
  }

  begin(status: number, headers: HttpHeaders, length: number | undefined): boolean {
    if (status !== 200 && status !== 206) return false
    const size = this.#sizeOf(status, headers, length)
    const head = headOf(this.#asked.key, headers, size)
    const { ifMatch } = this.#options
    if (ifMatch !== undefined && head.etag !== '' && head.etag !== ifMatch) {
      throw failure('changed', this.#asked, 'another version came than the one asked for')
    }
    this.#head = head
    // Encrypted with a key of its own, an object's ETag is no MD5.
    const plain = (headers['x-amz-server-side-encryption'] ?? 'AES256') === 'AES256'
    if (plain) this.#check = this.#checks.begin(head.etag, size, this.#options.range)
    this.#sink.begin(head)
    return true
  }

  next(): Uint8Array {
    this.#memory = this.#sink.next()
    return this.#memory
  }

  filled(count: number): void {
    const whole = this.#check?.add(this.#memory!.subarray(0, count))
    if (whole === false) throw this.#wrong('bytes that do not fit the ETag')
    this.#sink.filled(count)
  }

  /** The object's whole size; throws `corrupt` where the announced bytes are not those asked for. */
  #sizeOf(status: number, headers: HttpHeaders, length: number | undefined): number {
    const { range } = this.#options
    if (status === 206) {
      const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '')
      if (match === null || range === undefined) throw this.#wrong('a part that is not described')
      const [start, last, size] = match.slice(1).map(Number) as [number, number, number]
      if (start !== range.start || last + 1 !== Math.min(range.end, size))
        throw this.#wrong('another range')
      if (length !== undefined && length !== last + 1 - start) throw this.#wrong('another length')
      return size
    }
    if (length === undefined) throw this.#wrong('no length')
    // A server that ignores Range sends all of it: fine only where all of it was asked for.
    if (range !== undefined && !wholly(range, length))
      throw this.#wrong('the whole object, not the range')
    return length
  }

  #wrong(what: string): Error {
    return failure('corrupt', this.#asked, `the server sent ${what}`)
  }
}

function wholly(range: Range, size: number): boolean {
  return range.start === 0 && range.end >= size
}
