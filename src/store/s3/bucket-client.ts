/**
 * Sends requests for one bucket: hot ones lean (`send`), the others through the SDK (`call`). Both are one attempt,
 * but for what the server's own words put right, each at most once a call: the region, run-out keys, the clock.
 */
import type { S3Client } from '@aws-sdk/client-s3'
import type { Milliseconds } from '../../core/types.ts'
import { HttpError, type BodySink, type HttpHeaders, type HttpReply } from '../http/types.ts'
import type { Body } from '../store.ts'
import type { Account, Place } from './account.ts'
import {
  about,
  failure,
  httpFailure,
  refusalOf,
  refusalOfSdk,
  type Asked,
  type Refusal,
} from './errors.ts'
import { encodeKey, encodeQuery } from './escape.ts'
import { DEFAULT_REGION } from './options.ts'
import { EMPTY_PAYLOAD, Signer, type Credentials } from './sign.ts'

export interface HotRequest extends Asked {
  readonly method: string
  /** Absent: the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  /** Of the body; default that of an empty one. */
  readonly payload?: string
  readonly sink?: BodySink
  readonly signal?: AbortSignal | undefined
  /** False for conditional writes: not sent twice on a dead connection. */
  readonly repeatable?: boolean
}

/** What was in use when a request was made, to see whether it has been put right meanwhile. */
interface Used {
  readonly region: string
  readonly credentials: Credentials | undefined
  readonly clockOffset: Milliseconds
}

/** Keys may have been replaced in the files or by the service since they were read. */
const RENEWABLE = new Set(['InvalidAccessKeyId', 'SignatureDoesNotMatch'])
/** A refused HEAD has no body: the same question is asked by GET, at most this often where it may be a plain denial. */
const CLARIFY_EVERY: Milliseconds = 10_000
const SKEW_CODES = new Set(['RequestTimeTooSkewed', 'RequestExpired'])

/** Carries a refusal from an attempt to the loop around it. */
class Refused extends Error {
  readonly refusal: Refusal
  readonly used: Used
  /** A HEAD, without a reason. */
  mute = false
  /** What it asks for is allowed: worth another attempt. */
  doubtful = false

  constructor(refusal: Refusal, used: Used) {
    super(refusal.error.message)
    this.refusal = refusal
    this.used = used
  }
}

export class BucketClient {
  readonly account: Account
  readonly bucket: string
  readonly #signer = new Signer()
  #region: string
  #clockOffset: Milliseconds = 0
  /** What was found out last of a HEAD refused without a reason: GET is allowed, or a code that is true of all requests. */
  #clarified: { at: Milliseconds; allowed: boolean; code: string | undefined } = {
    at: -Infinity,
    allowed: false,
    code: undefined,
  }
  #place: Promise<Place> | undefined
  #placed: Place | undefined
  #lastPlace: Place | undefined
  #client: { readonly sdk: S3Client; readonly used: Used } | undefined

  constructor(account: Account, bucket: string) {
    this.account = account
    this.bucket = bucket
    this.#region = account.options.region ?? DEFAULT_REGION
  }

  get region(): string {
    return this.#region
  }

  /** Where the bucket was found last; undefined before the first `place`. */
  get lastPlace(): Place | undefined {
    return this.#lastPlace
  }

  /** Where the bucket is, as far as known now. */
  async place(): Promise<Place> {
    if (this.#placed !== undefined) return this.#placed
    const place = (this.#place ??= this.account.locate(this.bucket, this.#region))
    try {
      const found = await place
      if (this.#place === place) {
        this.#placed = found
        this.#lastPlace = found
      }
      return found
    } catch (error) {
      this.#place = undefined
      throw error
    }
  }

  /** A lean, signed request. Resolves with a reply of status 2xx; rejects with StoreError. */
  send(request: HotRequest): Promise<HttpReply> {
    return this.#putRight(request, () => this.#attempt(request))
  }

  /** A call of the SDK. Rejects with StoreError. */
  call<T>(
    asked: Asked,
    run: (client: S3Client, options: { abortSignal?: AbortSignal }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#putRight(asked, async () => {
      const { sdk, used } = await this.#sdk()
      if (signal?.aborted === true) throw failure('aborted', asked, 'cancelled')
      try {
        return await run(sdk, signal === undefined ? {} : { abortSignal: signal })
      } catch (error) {
        throw new Refused(refusalOfSdk(asked, error), used)
      }
    })
  }

  /** The SDK's client for the region and keys of now. */
  async sdk(): Promise<S3Client> {
    return (await this.#sdk()).sdk
  }

  async #attempt(request: HotRequest): Promise<HttpReply> {
    const place = this.#placed ?? (await this.place())
    const held = this.account.sign()
    const credentials = held instanceof Promise ? await held : held
    const used = { region: this.#region, credentials, clockOffset: this.#clockOffset }
    const path =
      request.key === undefined ? place.base || '/' : `${place.base}/${encodeKey(request.key)}`
    const query = request.query === undefined ? '' : encodeQuery(request.query)
    const headers = this.#signed(request, place, path, query, used)
    const { method, body, sink, signal, repeatable } = request
    const reply = await place.pool.request({
      method,
      path: query === '' ? path : `${path}?${query}`,
      headers,
      ...(body === undefined ? (method === 'DELETE' ? { body: [] } : {}) : { body }),
      ...(sink === undefined ? {} : { sink }),
      ...(signal === undefined ? {} : { signal }),
      ...(repeatable === undefined ? {} : { repeatable }),
    })
    if (reply.status >= 200 && reply.status < 300) return reply
    const text = Buffer.from(reply.body).toString()
    if (reply.status === 412 && !isConditional(request)) {
      // Swift's own answer to a request that is not signed for its s3api.
      throw failure('invalid', request, 'this is no S3 endpoint, or none without a signature (412)')
    }
    const refusal = refusalOf(request, reply.status, reply.headers, text)
    const mute = request.method === 'HEAD' && refusal.code === undefined
    if (mute) throw await this.#clarify(request, reply, new Refused(refusal, used))
    throw new Refused(refusal, used)
  }

  /**
   * The reason of a refused HEAD, which has none in itself: run-out keys, a wrong region, a wrong clock. Where that is
   * not to be found out, it is `doubtful`.
   */
  async #clarify(request: HotRequest, reply: HttpReply, refused: Refused): Promise<Refused> {
    const { operation, key, signal } = request
    const { status, headers } = reply
    if (key === undefined || refused.refusal.region !== undefined) return refused
    if (status !== 400 && status !== 403) return refused
    refused.mute = true
    const now = this.account.ports.clock.now()
    const { code, allowed, at } = this.#clarified
    if (status === 403 && now - at < CLARIFY_EVERY) {
      refused.doubtful = allowed
      if (code === undefined) return refused
      return new Refused(refusalOf(request, status, headers, `<Code>${code}</Code>`), refused.used)
    }
    this.#clarified = { at: now, allowed: false, code: undefined }
    try {
      const range = { range: 'bytes=0-0' }
      await this.#attempt({ operation, key, method: 'GET', headers: range, signal })
    } catch (error) {
      if (!(error instanceof Refused)) return refused
      const { code: found, error: reason } = error.refusal
      const general = reason.kind === 'expired' || SKEW_CODES.has(found ?? '')
      if (general) this.#clarified = { at: now, allowed: false, code: found }
      // An empty object has no first byte, but may be read.
      if (reason.kind !== 'range') return error
    }
    this.#clarified = { at: now, allowed: true, code: undefined }
    refused.doubtful = true
    return refused
  }

  #signed(request: HotRequest, place: Place, path: string, query: string, used: Used): HttpHeaders {
    const headers: Record<string, string> = { host: place.host, ...request.headers }
    if (this.account.options.requesterPays === true) headers['x-amz-request-payer'] = 'requester'
    if (used.credentials === undefined) return headers
    const payload = request.payload ?? EMPTY_PAYLOAD
    const now = this.account.ports.clock.now() + used.clockOffset
    const signable = { method: request.method, path, query, headers, payload }
    return this.#signer.sign(signable, used.credentials, used.region, now)
  }

  async #sdk(): Promise<{ sdk: S3Client; used: Used }> {
    const credentials = await this.account.sign()
    const used = { region: this.#region, credentials, clockOffset: this.#clockOffset }
    const held = this.#client
    if (
      held === undefined ||
      held.used.region !== used.region ||
      held.used.credentials !== used.credentials ||
      held.used.clockOffset !== used.clockOffset
    ) {
      const sdk = this.account.client(used.region, credentials, used.clockOffset)
      this.#client = { sdk, used }
    }
    return this.#client as { sdk: S3Client; used: Used }
  }

  async #putRight<T>(asked: Asked, attempt: () => Promise<T>): Promise<T> {
    const tried = new Set<string>()
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof Refused)) throw asStoreError(asked, error)
        const remedy = await this.#remedy(error, tried)
        if (remedy === undefined) throw error.refusal.error
        tried.add(remedy)
        this.account.ports.log.debug('request corrected', { ...about(asked), remedy })
      }
    }
  }

  /** What was changed so that the request may succeed now; undefined if nothing can be. */
  async #remedy(
    { refusal, used, mute, doubtful }: Refused,
    tried: ReadonlySet<string>,
  ): Promise<string | undefined> {
    const { error, code, region, date } = refusal
    const { status = 0 } = error.details
    const renewable =
      error.kind === 'expired' || status === 401 || mute || RENEWABLE.has(code ?? '')
    if (renewable && !tried.has('credentials') && used.credentials !== undefined) {
      if (await this.account.credentials.renew(used.credentials)) return 'credentials'
      if (!mute) return undefined
    }
    if (doubtful && !tried.has('again')) return 'again'
    if (SKEW_CODES.has(code ?? '') && date !== undefined && !tried.has('clock')) {
      const offset = Date.parse(date) - this.account.ports.clock.now()
      if (Number.isNaN(offset)) return undefined
      this.#clockOffset = offset
      return 'clock'
    }
    const misplaced = status === 301 || status === 307 || status === 400 || status === 403
    if (!misplaced || tried.has('region')) return undefined
    if (region === undefined || !/^[\w-]{1,64}$/.test(region) || region === used.region)
      return undefined
    if (this.#region === used.region) {
      this.account.ports.log.info('bucket is in another region', { bucket: this.bucket, region })
      this.#region = region
      this.#place = undefined
      this.#placed = undefined
    }
    return 'region'
  }
}

function isConditional({ headers }: HotRequest): boolean {
  return headers?.['if-match'] !== undefined || headers?.['if-none-match'] !== undefined
}

function asStoreError(asked: Asked, error: unknown): unknown {
  if (error instanceof HttpError) return httpFailure(asked, error)
  if (error instanceof URIError) return failure('invalid', asked, 'the name is not valid Unicode')
  return refusalOfSdk(asked, error).error
}
