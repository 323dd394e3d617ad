/**
 * What all buckets of one account share: options completed from the environment, credentials, connection pools,
 * and the finding of a bucket's host. Pools are one per host; each is bounded by itself.
 */
import { readFile } from 'node:fs/promises'
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { Milliseconds } from '../../core/types.ts'
import { HttpPool } from '../http/pool.ts'
import { CredentialSource } from './credentials.ts'
import { Hasher } from '../hasher.ts'
import { DEFAULT_REGION, type S3Options, type S3Ports } from './options.ts'
import { makeClient, poolHandler, type SdkRequest } from './sdk.ts'
import type { Credentials } from './sign.ts'

/** Where a bucket's objects are: `base` stands before `/key` in paths. */
export interface Place {
  readonly pool: HttpPool
  readonly origin: string
  /** What stands in Host and is signed. */
  readonly host: string
  readonly base: string
}

export class Account {
  readonly options: S3Options
  readonly ports: S3Ports
  readonly credentials: CredentialSource
  readonly hasher = new Hasher()
  readonly #ca: Uint8Array | undefined
  readonly #pools = new Map<string, HttpPool>()

  private constructor(options: S3Options, ports: S3Ports, ca: Uint8Array | undefined) {
    this.options = options
    this.ports = ports
    this.credentials = new CredentialSource(options, ports.clock)
    this.#ca = ca
  }

  /** Rejects where the CA bundle cannot be read. No request is made. */
  static async open(given: S3Options, ports: S3Ports): Promise<Account> {
    const env = ports.env ?? process.env
    const endpoint = given.endpoint ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']
    const region = given.region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION']
    const caBundle = given.caBundle ?? env['AWS_CA_BUNDLE']
    const options: S3Options = {
      ...given,
      ...(endpoint === undefined || endpoint === '' ? {} : { endpoint }),
      ...(region === undefined || region === '' ? {} : { region }),
    }
    const ca = caBundle === undefined || caBundle === '' ? undefined : await readFile(caBundle)
    const account = new Account(options, ports, ca)
    return region === undefined || region === '' ? account.#withProfileRegion() : account
  }

  /** Keys to sign with; undefined without signing. */
  sign(): Credentials | undefined | Promise<Credentials> {
    return this.options.anonymous === true ? undefined : this.credentials.get()
  }

  client(
    region: string,
    credentials: Credentials | undefined,
    clockOffset: Milliseconds,
  ): S3Client {
    return makeClient({
      options: this.options,
      region,
      credentials,
      handle: poolHandler(request => this.#poolOf(request), this.options.timeout),
      clockOffset,
    })
  }

  /** Asks the SDK's own rules where a bucket is; nothing is sent. */
  async locate(bucket: string, region: string): Promise<Place> {
    const seen = await this.#capture(bucket, region)
    const base = seen.path.slice(0, -'/x'.length)
    const pool = this.#poolOf(seen)
    return { pool, base, host: pool.authority, origin: `${seen.protocol}//${pool.authority}` }
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close()
    this.#pools.clear()
    this.hasher.close()
  }

  async #capture(bucket: string, region: string): Promise<SdkRequest> {
    let seen: SdkRequest | undefined
    const client = makeClient({
      options: { ...this.options, anonymous: true },
      region,
      credentials: undefined,
      handle: request => {
        seen = request
        return Promise.resolve({
          response: { statusCode: 200, headers: {}, body: new Uint8Array(0) },
        })
      },
      clockOffset: 0,
    })
    await client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'x' }))
    if (seen === undefined) throw new Error('the SDK made no request')
    return seen
  }

  /** The region that the SDK finds in its files. */
  async #withProfileRegion(): Promise<Account> {
    const client = makeClient({
      options: this.options,
      region: undefined,
      credentials: undefined,
      handle: () => Promise.reject(new Error('unused')),
      clockOffset: 0,
    })
    const region = await client.config.region().catch(() => DEFAULT_REGION)
    return new Account({ ...this.options, region }, this.ports, this.#ca)
  }

  #poolOf(request: SdkRequest): HttpPool {
    const secure = request.protocol === 'https:'
    const host = request.hostname.replace(/^\[(.*)\]$/, '$1')
    const port = request.port ?? (secure ? 443 : 80)
    const name = `${request.protocol}//${host}:${port}`
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      const { maxSockets, connectTimeout, timeout, insecure } = this.options
      pool = new HttpPool({
        host,
        port,
        ...(secure
          ? {
              tls: {
                ...(this.#ca === undefined ? {} : { ca: this.#ca }),
                ...(insecure === true ? { rejectUnauthorized: false } : {}),
              },
            }
          : {}),
        ...(maxSockets === undefined ? {} : { maxSockets }),
        ...(connectTimeout === undefined ? {} : { connectTimeout }),
        ...(timeout === undefined ? {} : { timeout }),
      })
      this.#pools.set(name, pool)
    }
    return pool
  }
}
