/**
 * Requests to any address by the lean HTTP client: one pool for each host and port, made when first needed.
 * Knows nothing of tokens. Rejects with what the client throws; statuses are for the caller to judge.
 */
import { HttpPool } from '../http/pool.ts'
import type { HttpReply, HttpRequest, HttpTlsOptions } from '../http/types.ts'

export interface TransportOptions {
  /** Most connections to one host and port. Default 32. */
  readonly maxSockets?: number
  readonly tls?: HttpTlsOptions
  /** Milliseconds without progress before a request fails. Default: the client's. */
  readonly timeout?: number
}

export type SendOptions = Omit<HttpRequest, 'path'>

export class Transport {
  readonly #options: TransportOptions
  readonly #pools = new Map<string, HttpPool>()

  constructor(options: TransportOptions = {}) {
    this.#options = options
  }

  /** `origin`: scheme, host and port; `path`: as on the wire. Throws on other schemes than http and https. */
  send(origin: string, path: string, request: SendOptions): Promise<HttpReply> {
    return this.#pool(origin).request({ ...request, path })
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close()
    this.#pools.clear()
  }

  #pool(origin: string): HttpPool {
    const found = this.#pools.get(origin)
    if (found !== undefined) return found
    const { protocol, hostname, port } = new URL(origin)
    if (protocol !== 'http:' && protocol !== 'https:') {
      throw new TypeError(`${protocol} is not supported, only http and https`)
    }
    const { maxSockets, timeout, tls } = this.#options
    const pool = new HttpPool({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
      ...(protocol === 'https:' ? { tls: tls ?? {} } : {}),
      ...(maxSockets === undefined ? {} : { maxSockets }),
      ...(timeout === undefined ? {} : { timeout }),
    })
    this.#pools.set(origin, pool)
    return pool
  }
}
