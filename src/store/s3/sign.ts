/**
 * Signature version 4 for the hot requests: one hash and one HMAC a request, the signing key cached for the day.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * Tested for equality with the SDK's signer.
 */
import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { Milliseconds } from '../../core/types.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface Signable {
  readonly method: string
  /** Escaped, as on the wire. */
  readonly path: string
  /** Canonical query, '' for none. */
  readonly query: string
  /** Names in lower case, `host` among them. */
  readonly headers: Readonly<Record<string, string>>
  /** Hex SHA-256 of the body, or UNSIGNED-PAYLOAD. */
  readonly payload: string
}

/** SHA-256 of nothing. */
export const EMPTY_PAYLOAD = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'

// Left out of the signature by the SDK too: what a proxy on the way may change.
const UNSIGNED = new Set(['authorization', 'cache-control', 'connection', 'expect', 'user-agent'])

/** Caches what is the same for all requests of a day, region and key. Not shared between accounts. */
export class Signer {
  #second = -1
  #stamp = ''
  #cachedFor = ''
  #key: KeyObject | undefined

  /** All headers to send: those given and the signature's. `now` is the server's time. */
  sign(
    request: Signable,
    credentials: Credentials,
    region: string,
    now: Milliseconds,
  ): Record<string, string> {
    const stamp = this.#stampAt(now)
    const day = stamp.slice(0, 8)
    const headers: Record<string, string> = {
      ...request.headers,
      'x-amz-content-sha256': request.payload,
      'x-amz-date': stamp,
    }
    if (credentials.sessionToken !== undefined) {
      headers['x-amz-security-token'] = credentials.sessionToken
    }
    const names = Object.keys(headers)
      .filter(name => !UNSIGNED.has(name))
      .sort()
    let canonical = `${request.method}\n${request.path}\n${request.query}\n`
    for (const name of names) {
      canonical += `${name}:${(headers[name] as string).trim().replace(/\s+/g, ' ')}\n`
    }
    const signed = names.join(';')
    canonical += `\n${signed}\n${request.payload}`
    const scope = `${day}/${region}/s3/aws4_request`
    const hash = createHash('sha256').update(canonical).digest('hex')
    const signature = createHmac('sha256', this.#keyFor(day, region, credentials))
      .update(`AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${hash}`)
      .digest('hex')
    headers['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`
    return headers
  }

  #stampAt(now: Milliseconds): string {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#stamp = new Date(second * 1000).toISOString().replace(/[-:]|\.000/g, '')
    }
    return this.#stamp
  }

  #keyFor(day: string, region: string, credentials: Credentials): KeyObject {
    const { secretAccessKey } = credentials
    const wanted = `${day}/${region}/${secretAccessKey}`
    if (this.#key === undefined || this.#cachedFor !== wanted) {
      const steps = [day, region, 's3', 'aws4_request']
      let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`)
      for (const step of steps) key = createHmac('sha256', key).update(step).digest()
      this.#key = createSecretKey(key)
      this.#cachedFor = wanted
    }
    return this.#key
  }
}
