/**
 * A valid token and the account's address, for all requests of a process that share these credentials.
 *
 * Invariants: at most one authentication is under way, and every request that needs one waits for it; a token is
 * renewed once for all requests that it failed for (`renew` names the failed one); it is renewed `AHEAD` ms before
 * it runs out. Secrets stay in here.
 */
import { StoreError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports.ts'
import { pickEndpoint, tokenRequest, tokensUrl } from './auth-v3.ts'
import type { KeystoneAuth, SwiftConfig, V1Auth } from './config.ts'
import { fromReply, fromThrown } from './errors.ts'
import type { Transport } from './transport.ts'

export interface Access {
  readonly token: string
  /** Of the account: scheme to account, without a slash at the end. */
  readonly storageUrl: string
  /** Milliseconds since 1970; undefined where the server does not tell. */
  readonly expires?: number
}

/** A token this close to its end is renewed before it is used. */
const AHEAD = 60_000

export class Session {
  readonly #config: SwiftConfig
  readonly #transport: Transport
  readonly #clock: Pick<Clock, 'now'>
  #access: Access | undefined
  #pending: Promise<Access> | undefined

  constructor(config: SwiftConfig, transport: Transport, clock: Pick<Clock, 'now'>) {
    this.#config = config
    this.#transport = transport
    this.#clock = clock
  }

  /** Whether the identity service is Keystone: its ACLs have wildcards that v1 has not. */
  get keystone(): boolean {
    return this.#config.auth.kind === 'v3'
  }

  /** Rejects `denied` when the credentials are refused, `unavailable` or `timeout` when nobody answers. */
  access(): Promise<Access> {
    const access = this.#access
    if (access !== undefined && !this.#endsSoon(access)) return Promise.resolve(access)
    return this.#authenticate()
  }

  /** A token other than `failed`, which the server refused: fetched once for all who ask. */
  renew(failed: string): Promise<Access> {
    const access = this.#access
    if (access !== undefined && access.token !== failed && !this.#endsSoon(access)) {
      return Promise.resolve(access)
    }
    if (this.#config.auth.kind === 'token') {
      const hint =
        'fetch a new token and set OS_AUTH_TOKEN, or give a password or application credential'
      return Promise.reject(
        new StoreError('expired', `the token given is no longer accepted: ${hint}`, {
          operation: 'Authenticate',
          status: 401,
          hint,
        }),
      )
    }
    return this.#authenticate()
  }

  #endsSoon(access: Access): boolean {
    return access.expires !== undefined && access.expires - AHEAD <= this.#clock.now()
  }

  #authenticate(): Promise<Access> {
    this.#pending ??= this.#fetch()
      .then(access => {
        this.#access = access
        return access
      })
      .finally(() => {
        this.#pending = undefined
      })
    return this.#pending
  }

  async #fetch(): Promise<Access> {
    const { auth, storageUrl } = this.#config
    if (auth.kind === 'token') return { token: auth.token, storageUrl: trim(storageUrl ?? '') }
    try {
      return await (auth.kind === 'v1' ? this.#fetchV1(auth) : this.#fetchV3(auth))
    } catch (error) {
      throw fromThrown(error, 'Authenticate', undefined)
    }
  }

  /** https://docs.openstack.org/swift/latest/overview_auth.html (TempAuth) */
  async #fetchV1(auth: V1Auth): Promise<Access> {
    const url = new URL(auth.authUrl)
    const reply = await this.#transport.send(url.origin, url.pathname + url.search, {
      method: 'GET',
      headers: { 'X-Auth-User': auth.user, 'X-Auth-Key': auth.key },
    })
    const { status, headers } = reply
    if (status !== 200 && status !== 204) throw refused(auth.authUrl, reply)
    const token = headers['x-auth-token'] ?? headers['x-storage-token']
    const storageUrl = this.#config.storageUrl ?? headers['x-storage-url']
    if (token === undefined || storageUrl === undefined) {
      throw new StoreError(
        'failed',
        `${auth.authUrl} answered without X-Auth-Token and X-Storage-Url`,
        {
          operation: 'Authenticate',
          hint: 'ST_AUTH must be the address of v1 authentication; it usually ends with /auth/v1.0.',
        },
      )
    }
    const life = Number(headers['x-auth-token-expires'])
    const expires = Number.isFinite(life) && life > 0 ? { expires: this.#expiry(life * 1000) } : {}
    return { token, storageUrl: trim(storageUrl), ...expires }
  }

  async #fetchV3(auth: KeystoneAuth): Promise<Access> {
    const url = new URL(tokensUrl(auth.authUrl))
    const reply = await this.#transport.send(url.origin, url.pathname, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: Buffer.from(JSON.stringify(tokenRequest(auth))),
    })
    const token = reply.headers['x-subject-token']
    if (reply.status !== 201 || token === undefined) throw refused(auth.authUrl, reply)
    const { expires_at: until, catalog } = parseToken(reply.body)
    const expires = Date.parse(until ?? '')
    const life = Number.isNaN(expires) ? {} : { expires: this.#expiry(expires - this.#clock.now()) }
    if (this.#config.storageUrl !== undefined)
      return { token, storageUrl: trim(this.#config.storageUrl), ...life }
    const endpoint = pickEndpoint(catalog, this.#config)
    if ('trouble' in endpoint) {
      throw new StoreError('denied', `${endpoint.trouble}: ${endpoint.hint}`, {
        operation: 'Authenticate',
        hint: endpoint.hint,
      })
    }
    return { token, storageUrl: trim(endpoint.url), ...life }
  }

  /** Very short lives would otherwise be renewed at every request: then the 401 decides. */
  #expiry(life: number): number {
    return this.#clock.now() + Math.max(life, AHEAD + 5_000)
  }
}

function parseToken(body: Uint8Array): { expires_at?: string; catalog?: unknown } {
  try {
    const value = JSON.parse(Buffer.from(body).toString('utf8')) as { token?: object }
    return value.token ?? {}
  } catch {
    return {}
  }
}

function trim(url: string): string {
  return url.replace(/\/+$/, '')
}

function refused(
  authUrl: string,
  reply: { status: number; headers: Readonly<Record<string, string>>; body: Uint8Array },
): StoreError {
  const { status } = reply
  const error = fromReply({ operation: 'Authenticate', ...reply })
  const hint =
    status === 401 || status === 403
      ? 'Check user, key or password, and for Keystone the project and the domains.'
      : status === 404 || status === 300
        ? 'Check the address of authentication: v1 ends with /auth/v1.0, Keystone with /v3.'
        : undefined
  const kind = status === 404 || status === 300 ? 'invalid' : error.kind
  return new StoreError(kind, `authentication at ${authUrl}: ${error.message}`, {
    ...error.details,
    ...(hint === undefined ? {} : { hint }),
  })
}
