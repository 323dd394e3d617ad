/**
 * The vocabulary of the lean HTTP/1.1 client: what is asked, what comes back, where a body goes and how it fails.
 * The client knows nothing of S3 or Swift; adapters sign, escape and judge statuses. It follows no redirects.
 */
import type { Milliseconds } from '../../core/types.ts'
import type { Body } from '../store.ts'

/** Header fields of a reply: names in lower case; a repeated field's values are joined with `, `. */
export type HttpHeaders = Readonly<Record<string, string>>

/**
 * Takes the body of a reply into memory of its own. The calls come in the order begin, then next and filled in turn.
 * Whatever one of them throws rejects the request with that very error.
 */
export interface BodySink {
  /**
   * The reply's head is here; nothing of the body yet. True: the body goes to `next`. False: it is collected
   * into `HttpReply.body` (an error text, say). `length` is absent where the reply does not announce it.
   */
  begin(status: number, headers: HttpHeaders, length: number | undefined): boolean
  /** Memory for the next bytes; never empty. Asked for once between two calls of `filled`. */
  next(): Uint8Array
  /** So many bytes have come, into the beginning of what `next` gave. */
  filled(count: number): void
}

export interface HttpRequest {
  readonly method: string
  /** Path and query exactly as they go on the wire: escaped by the caller, beginning with `/`. */
  readonly path: string
  /** `Host` (unless given) and `Content-Length` are added. Values in ASCII or latin1, without control characters. */
  readonly headers: HttpHeaders
  /** Sent piece by piece without copying; must not change until the call settles. */
  readonly body?: Body
  readonly sink?: BodySink
  readonly signal?: AbortSignal
  /** Milliseconds without any progress, in or out, before it fails. Default: the pool's. */
  readonly timeout?: Milliseconds
  /**
   * Whether it may be sent a second time when a kept-alive connection turns out to be dead before a byte of the
   * reply came. Default: true for all methods but POST and PATCH. Say false for a conditional write.
   */
  readonly repeatable?: boolean
}

export interface HttpReply {
  readonly status: number
  readonly headers: HttpHeaders
  /** The collected body; empty when the sink took it or there was none. */
  readonly body: Uint8Array
}

export type HttpFailure =
  | 'aborted' // the signal
  | 'connect' // no connection: name, refused, unreachable, certificate
  | 'connect-timeout'
  | 'reset' // the connection broke before the reply was complete
  | 'stalled' // no progress for `timeout` ms
  | 'protocol' // what came is not HTTP, or over a limit
  | 'invalid' // the request cannot be put on the wire
  | 'closed' // the pool was closed

/** Why a request got no complete reply. `code` is the socket's own (`ECONNRESET`, `ENOTFOUND`, ...) where it has one. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly failure: HttpFailure
  readonly code: string | undefined
  /** Whether any byte of the reply had come. */
  readonly replyStarted: boolean

  constructor(failure: HttpFailure, message: string, replyStarted = false, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.failure = failure
    this.replyStarted = replyStarted
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    this.code = typeof code === 'string' ? code : undefined
  }
}

export interface HttpTlsOptions {
  /** PEM certificates to trust in place of the system's. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[]
  /** Name to ask for and to verify; default: the host. */
  readonly servername?: string
  /** False accepts any certificate. */
  readonly rejectUnauthorized?: boolean
}

export interface HttpPoolOptions {
  readonly host: string
  readonly port: number
  /** Present: TLS. */
  readonly tls?: HttpTlsOptions
  /** Most connections at the same time; further requests wait in order. Default 32. */
  readonly maxSockets?: number
  /** Default 10 s. */
  readonly connectTimeout?: Milliseconds
  /** Connections idle for so long are closed. Default 15 s. */
  readonly idleTimeout?: Milliseconds
  /** Default for `HttpRequest.timeout`: 60 s. */
  readonly timeout?: Milliseconds
  /** Most bytes of a reply's head. Default 32 KiB. */
  readonly maxHead?: number
  /** Most bytes of a collected body. Default 64 MiB. */
  readonly maxBody?: number
}
