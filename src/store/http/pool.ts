/**
 * A bounded pool of keep-alive connections to one host and port: the client's front.
 *
 * Bounds: `maxSockets` connections; requests beyond that wait in order of arrival, as many as the callers make
 * (they hold their own bounds). A request whose kept-alive connection was dead goes to the front, on a new one.
 */
import type { Milliseconds } from '../../core/types.ts'
import {
  Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type Exchange,
} from './connection.ts'
import { renderHead } from './head.ts'
import { HttpError, type HttpPoolOptions, type HttpReply, type HttpRequest } from './types.ts'

const DEFAULTS = {
  maxSockets: 32,
  connectTimeout: 10_000,
  idleTimeout: 15_000,
  timeout: 60_000,
  maxHead: 32 * 1024,
  maxBody: 64 * 1024 * 1024,
}

/** Keep-alive connections to one host and port. */
export class HttpPool {
  /** `host:port` as it stands in Host by default. */
  readonly authority: string
  readonly #connection: ConnectionOptions
  readonly #events: ConnectionEvents
  readonly #maxSockets: number
  readonly #timeout: Milliseconds
  readonly #all = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #waiting = new Set<Exchange>() // in order of arrival; a set, so that an aborted one leaves at once
  #first: Exchange[] = [] // to be sent again on a new connection, before all others
  #closed = false
  #dispatching = false

  constructor(options: HttpPoolOptions) {
    const { host, port, tls } = options
    const name = host.includes(':') ? `[${host}]` : host
    const usual = port === (tls === undefined ? 80 : 443)
    this.#maxSockets = options.maxSockets ?? DEFAULTS.maxSockets
    this.#timeout = options.timeout ?? DEFAULTS.timeout
    this.authority = usual ? name : `${name}:${port}`
    this.#connection = {
      host,
      port,
      ...(tls === undefined ? {} : { tls }),
      connectTimeout: options.connectTimeout ?? Math.min(DEFAULTS.connectTimeout, this.#timeout),
      idleTimeout: options.idleTimeout ?? DEFAULTS.idleTimeout,
      maxHead: options.maxHead ?? DEFAULTS.maxHead,
      maxBody: options.maxBody ?? DEFAULTS.maxBody,
      sessions: { latest: undefined },
    }
    this.#events = {
      onIdle: connection => {
        this.#idle.push(connection)
        this.#dispatch()
      },
      onGone: (connection, undone) => this.#gone(connection, undone),
    }
  }

  /** Connections open or being opened. */
  get sockets(): number {
    return this.#all.size
  }

  /** Resolves with the reply whatever its status; rejects with HttpError, or with what the sink threw. */
  request(request: HttpRequest): Promise<HttpReply> {
    return new Promise<HttpReply>((resolve, reject) => {
      if (this.#closed) return reject(new HttpError('closed', 'the pool is closed'))
      const { signal } = request
      if (signal?.aborted === true) return reject(aborted())
      // A request that cannot be rendered throws here, which rejects.
      const head = Buffer.from(renderHead(request, this.authority), 'latin1')
      const timeout = request.timeout ?? this.#timeout
      if (signal === undefined) {
        this.#enqueue({ request, head, resolve, reject, timeout, retried: false })
        return
      }
      const done = (): void => signal.removeEventListener('abort', onAbort)
      const exchange: Exchange = {
        request,
        head,
        resolve: reply => {
          done()
          resolve(reply)
        },
        reject: error => {
          done()
          reject(error)
        },
        timeout,
        retried: false,
      }
      const onAbort = (): void => this.#abort(exchange)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#enqueue(exchange)
    })
  }

  /** Destroys all connections; waiting and running requests reject with `closed`. */
  close(): void {
    this.#closed = true
    const error = new HttpError('closed', 'the pool was closed')
    const waiting = [...this.#first, ...this.#waiting]
    this.#first = []
    this.#waiting.clear()
    for (const exchange of waiting) exchange.reject(error)
    for (const connection of this.#all) connection.fail(error)
  }

  #enqueue(exchange: Exchange): void {
    this.#waiting.add(exchange)
    this.#dispatch()
  }

  /** Sends what can be sent. Not entered twice: opening and failing connections call back into the pool. */
  #dispatch(): void {
    if (this.#dispatching) return
    this.#dispatching = true
    try {
      while (this.#sendOne());
    } finally {
      this.#dispatching = false
    }
  }

  #sendOne(): boolean {
    const [again] = this.#first
    if (again !== undefined) {
      const connection = this.#fresh()
      if (connection === undefined) return false
      this.#first.shift()
      connection.send(again)
      return true
    }
    const [next] = this.#waiting
    if (next === undefined) return false
    const connection = this.#idle.pop() ?? this.#open()
    if (connection === undefined) return false
    this.#waiting.delete(next)
    connection.send(next)
    return true
  }

  #open(): Connection | undefined {
    if (this.#closed || this.#all.size >= this.#maxSockets) return undefined
    const connection = new Connection(this.#connection, this.#events)
    this.#all.add(connection)
    return connection
  }

  /** A new connection, in the place of an idle one if need be: those may be as dead as the one just met. */
  #fresh(): Connection | undefined {
    if (this.#all.size >= this.#maxSockets) this.#idle[0]?.fail(undefined)
    return this.#open()
  }

  #gone(connection: Connection, undone: Exchange | undefined): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    if (undone !== undefined) {
      if (this.#closed) undone.reject(new HttpError('closed', 'the pool was closed'))
      else this.#first.push(undone)
    }
    this.#dispatch()
  }

  #abort(exchange: Exchange): void {
    if (this.#waiting.delete(exchange)) return exchange.reject(aborted())
    const at = this.#first.indexOf(exchange)
    if (at >= 0) {
      this.#first.splice(at, 1)
      return exchange.reject(aborted())
    }
    for (const connection of this.#all) {
      if (connection.exchange === exchange) return connection.fail(aborted())
    }
  }
}

function aborted(): HttpError {
  return new HttpError('aborted', 'cancelled')
}
