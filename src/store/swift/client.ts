/**
 * One account: authenticated requests to containers and objects, errors as StoreErrors.
 * A 401 renews the token (once for all) and sends the request again; a second 401 is `denied`.
 */
import type { Key } from '../../core/types.ts'
import { StoreError } from '../../core/errors.ts'
import type { BodySink, HttpReply } from '../http/types.ts'
import type { Body } from '../store.ts'
import { fromReply, fromThrown, trouble } from './errors.ts'
import { encodePath, encodeSegment, queryOf } from './path.ts'
import type { Session } from './session.ts'
import type { Transport } from './transport.ts'

export interface SwiftRequest {
  /** For messages: `GetObject`. With `Container` in it, a 404 means `no-bucket`. */
  readonly operation: string
  readonly method: string
  readonly container?: string
  readonly key?: Key
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  readonly sink?: BodySink
  readonly signal?: AbortSignal | undefined
  readonly repeatable?: boolean
  readonly timeout?: number
  /** Further statuses that are no error. 2xx never is. */
  readonly accept?: readonly number[]
}

export class SwiftClient {
  readonly session: Session
  readonly #transport: Transport

  constructor(session: Session, transport: Transport) {
    this.session = session
    this.#transport = transport
  }

  /** The address of an account, a container or an object, as in a browser. */
  async url(container?: string, key?: Key): Promise<string> {
    return (await this.session.access()).storageUrl + pathOf(container, key)
  }

  /** Rejects with StoreError on other statuses than 2xx and `accept`. */
  async request(request: SwiftRequest): Promise<HttpReply> {
    const { operation, container, key } = request
    // The path of the empty name is the container's: a delete would be one of the container.
    if (key === '' || request.container === '') {
      throw trouble('invalid', operation, 'the name is empty', key)
    }
    let reply: HttpReply
    try {
      const access = await this.session.access()
      reply = await this.#send(request, access)
      if (reply.status === 401) {
        const renewed = await this.session.renew(access.token)
        reply = await this.#send(request, renewed)
      }
    } catch (error) {
      throw fromThrown(error, operation, key)
    }
    const { status, headers, body } = reply
    if ((status >= 200 && status < 300) || request.accept?.includes(status) === true) return reply
    throw fromReply({ operation, container, key, status, headers, body })
  }

  /** The cluster's `/info`, without a token; undefined where it is switched off. */
  async info(): Promise<unknown> {
    const { storageUrl } = await this.session.access()
    const { origin, pathname } = new URL(storageUrl)
    // RGW has it at /swift/info, Swift at /info: above the version in the path.
    const base = pathname.replace(/\/v1(\.0)?(\/.*)?$/, '')
    try {
      const reply = await this.#transport.send(origin, `${base}/info`, {
        method: 'GET',
        headers: {},
      })
      return reply.status === 200 ? JSON.parse(Buffer.from(reply.body).toString('utf8')) : undefined
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw fromThrown(error, 'Info', undefined)
    }
  }

  /** Whether an address can be read without a token; what is behind it need not exist. */
  async isReadable(address: string): Promise<boolean> {
    const origin = /^https?:\/\/[^/]+/.exec(address)?.[0] ?? ''
    try {
      const reply = await this.#transport.send(origin, address.slice(origin.length), {
        method: 'GET',
        headers: { range: 'bytes=0-0' },
      })
      return reply.status !== 401 && reply.status !== 403
    } catch (error) {
      throw fromThrown(error, 'TryAddress', undefined)
    }
  }

  #send(request: SwiftRequest, access: { token: string; storageUrl: string }): Promise<HttpReply> {
    const { origin, pathname } = new URL(access.storageUrl)
    const path = pathname + pathOf(request.container, request.key) + queryOf(request.query ?? {})
    const { method, body, sink, signal, repeatable, timeout } = request
    const empty =
      body === undefined && (method === 'PUT' || method === 'POST') ? new Uint8Array() : body
    return this.#transport.send(origin, path, {
      method,
      headers: { 'X-Auth-Token': access.token, ...request.headers },
      ...(empty === undefined ? {} : { body: empty }),
      ...(sink === undefined ? {} : { sink }),
      ...(signal === undefined ? {} : { signal }),
      ...(repeatable === undefined ? {} : { repeatable }),
      ...(timeout === undefined ? {} : { timeout }),
    })
  }
}

function pathOf(container: string | undefined, key: Key | undefined): string {
  if (container === undefined) return ''
  const base = `/${encodeSegment(container)}`
  return key === undefined ? base : `${base}/${encodePath(key)}`
}

/** A JSON body of a reply. Rejects `corrupt` when it is none. */
export function jsonOf(reply: HttpReply, operation: string): unknown {
  if (reply.body.length === 0) return []
  try {
    return JSON.parse(Buffer.from(reply.body).toString('utf8'))
  } catch (error) {
    throw new StoreError('corrupt', `${operation}: the reply is not JSON`, {
      operation,
      cause: error,
    })
  }
}
