/**
 * One connection over net or tls, one request at a time. Body bytes land where the reply reader says, through
 * `onread`: Node's stream buffers are not in the way.
 *
 * The pool is told once when the connection can serve again (`onIdle`) and once when it is gone (`onGone`).
 * After `fail` nothing is written into anybody's memory any more: the socket is destroyed first.
 */
import net from 'node:net'
import tls from 'node:tls'
import type { Milliseconds } from '../../core/types.ts'
import { ReplyReader, type ReplyLimits } from './reply.ts'
import { HttpError, type HttpReply, type HttpRequest, type HttpTlsOptions } from './types.ts'

/** A request on its way, with its promise's ends. */
export interface Exchange {
  readonly request: HttpRequest
  /** The rendered head: what cannot be rendered never gets here. */
  readonly head: Uint8Array
  /** Settles the promise; later calls do nothing. */
  readonly resolve: (reply: HttpReply) => void
  readonly reject: (error: unknown) => void
  readonly timeout: Milliseconds
  /** It was sent on a connection that turned out dead; the next one must be new. */
  retried: boolean
}

export interface ConnectionOptions extends ReplyLimits {
  readonly host: string
  readonly port: number
  readonly tls?: HttpTlsOptions
  readonly connectTimeout: Milliseconds
  readonly idleTimeout: Milliseconds
  /** TLS sessions to resume: asked for at the beginning, told of new ones. */
  readonly sessions: { latest: Buffer | undefined }
}

export interface ConnectionEvents {
  onIdle(connection: Connection): void
  /** `undone`: its exchange may be sent again elsewhere, since it met a dead connection. */
  onGone(connection: Connection, undone: Exchange | undefined): void
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  readonly #reader: ReplyReader
  readonly #socket: net.Socket
  #connected = false
  #gone = false
  #served = 0
  #exchange: Exchange | undefined

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options
    this.#events = events
    this.#reader = new ReplyReader(options)
    this.#socket = this.#connect()
    this.#socket.setTimeout(options.connectTimeout)
    this.#socket.on('timeout', () => this.#timedOut())
    this.#socket.on('error', error => this.#broken(error))
    this.#socket.on('end', () => this.#ended())
    this.#socket.on('close', () => this.#broken(undefined))
  }

  get exchange(): Exchange | undefined {
    return this.#exchange
  }

  /** Sends a request; only when idle. Node queues the bytes while the connection is being made. */
  send(exchange: Exchange): void {
    this.#exchange = exchange
    const { request, head } = exchange
    const socket = this.#socket
    this.#reader.expect(request.method, request.sink)
    if (this.#connected) this.#watch()
    socket.ref()
    socket.cork()
    socket.write(head)
    const { body } = request
    if (body instanceof Uint8Array) {
      if (body.length > 0) socket.write(body)
    } else if (body !== undefined) {
      for (const piece of body) if (piece.length > 0) socket.write(piece)
    }
    socket.uncork()
  }

  /** Ends the connection; its exchange, if any, rejects with `error`. */
  fail(error: unknown): void {
    this.#close(error, false)
  }

  #connect(): net.Socket {
    const { host, port, tls: secure, sessions } = this.#options
    const onread = {
      buffer: () => this.#memory() as Buffer,
      callback: (count: number) => this.#arrived(count),
    }
    if (secure === undefined) {
      const socket = net.connect({ host, port, noDelay: true, keepAlive: true, onread })
      socket.on('connect', () => this.#onConnected())
      return socket
    }
    const { ca, servername, rejectUnauthorized } = secure
    const name = servername ?? (net.isIP(host) === 0 ? host : undefined)
    const socket = tls.connect({
      host,
      port,
      onread,
      ALPNProtocols: ['http/1.1'],
      ...(ca === undefined ? {} : { ca: ca as string | Buffer }),
      ...(name === undefined ? {} : { servername: name }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      ...(sessions.latest === undefined ? {} : { session: sessions.latest }),
    } as tls.ConnectionOptions)
    socket.setNoDelay(true)
    socket.on('session', (session: Buffer) => {
      sessions.latest = session
    })
    socket.on('secureConnect', () => this.#onConnected())
    return socket
  }

  #onConnected(): void {
    this.#connected = true
    this.#watch()
  }

  /** Node's own socket timer: put back by every byte read and by progress of a pending write. */
  #watch(): void {
    this.#socket.setTimeout(this.#exchange?.timeout ?? this.#options.idleTimeout)
  }

  #memory(): Uint8Array {
    try {
      return this.#reader.buffer()
    } catch (error) {
      this.#close(error, false)
      return Buffer.alloc(1) // never filled: the socket is destroyed
    }
  }

  #arrived(count: number): boolean {
    try {
      const reply = this.#reader.arrived(count)
      if (reply !== undefined) this.#finished(reply)
      else if (this.#exchange === undefined) this.#close(undefined, false)
    } catch (error) {
      this.#close(error, false)
    }
    return !this.#gone
  }

  #finished(reply: HttpReply): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#served++
    // A reply that came before the whole request was sent leaves the rest of it in the pipe.
    const clean = this.#socket.writableLength === 0
    exchange?.resolve(reply)
    if (!this.#reader.reusable || !clean) return this.#close(undefined, false)
    this.#watch()
    this.#socket.unref()
    this.#events.onIdle(this)
  }

  #timedOut(): void {
    const exchange = this.#exchange
    if (!this.#connected) {
      this.#close(new HttpError('connect-timeout', `no connection to ${this.#options.host}`), false)
    } else if (exchange === undefined) {
      this.#close(undefined, false)
    } else {
      const text = `no progress for ${exchange.timeout} ms`
      this.#close(new HttpError('stalled', text, this.#reader.started), false)
    }
  }

  #ended(): void {
    try {
      const reply = this.#reader.ended()
      if (reply !== undefined) return this.#finished(reply)
      this.#close(undefined, false)
    } catch (error) {
      this.#close(error, true)
    }
  }

  #broken(cause: Error | undefined): void {
    if (this.#gone) return
    const started = this.#reader.started
    if (this.#connected) {
      const text = `connection to ${this.#options.host} broke${codeOf(cause)}`
      this.#close(new HttpError('reset', text, started, cause), true)
    } else {
      const text = `cannot connect to ${this.#options.host}:${this.#options.port}${codeOf(cause)}`
      this.#close(new HttpError('connect', text, false, cause), false)
    }
  }

  /** `stale`: the peer may have closed an idle connection just as we sent; then the exchange gets a second try. */
  #close(error: unknown, stale: boolean): void {
    if (this.#gone) return
    this.#gone = true
    const exchange = this.#exchange
    const again =
      exchange !== undefined &&
      stale &&
      this.#served > 0 &&
      !this.#reader.started &&
      !exchange.retried &&
      repeatable(exchange.request)
    this.#exchange = undefined
    this.#socket.destroy()
    if (again) exchange.retried = true
    else exchange?.reject(error)
    this.#events.onGone(this, again ? exchange : undefined)
  }
}

function repeatable(request: HttpRequest): boolean {
  return request.repeatable ?? (request.method !== 'POST' && request.method !== 'PATCH')
}

function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return ''
  return 'code' in cause && typeof cause.code === 'string'
    ? ` (${cause.code})`
    : ` (${cause.message})`
}
