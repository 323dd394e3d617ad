/**
 * What says that a body arrived as it was sent. CRC32 (native, a millisecond for some megabytes) where the server
 * echoes it, which shows that it was looked at; Content-MD5 from the first reply without the echo on.
 * A signed payload only where the server refuses an unsigned one.
 */
import { crc32 } from 'node:zlib'
import { StoreError } from '../../core/errors.ts'
import { bodyLength } from '../http/head.ts'
import type { HttpHeaders } from '../http/types.ts'
import type { Body } from '../store.ts'
import { failure, type Asked } from './errors.ts'
import type { Hasher } from '../hasher.ts'
import { unquote } from './headers.ts'
import { UNSIGNED_PAYLOAD } from './sign.ts'

export type ChecksumMode = 'crc32' | 'md5'

const ECHO = 'x-amz-checksum-crc32'

export interface Protection {
  readonly mode: ChecksumMode
  readonly headers: Readonly<Record<string, string>>
  readonly payload: string
}

/** Codes with which servers refuse UNSIGNED-PAYLOAD. */
const REFUSALS = new Set(['XAmzContentSHA256Mismatch', 'InvalidDigest', 'SignatureDoesNotMatch'])

export class Checksums {
  readonly #hasher: Hasher
  /** Of single PUTs: not known before the first reply. */
  #mode: ChecksumMode | undefined
  #payload: 'untried' | 'unsigned' | 'signed' = 'untried'

  constructor(hasher: Hasher) {
    this.#hasher = hasher
  }

  /**
   * Headers and payload hash for a body. `mode` where it is known otherwise (parts). `once`: it must not be sent
   * again, so nothing is tried out with it.
   */
  async protect(body: Body, mode: ChecksumMode | undefined, once: boolean): Promise<Protection> {
    const chosen = mode ?? this.#mode ?? (once ? 'md5' : 'crc32')
    const payload =
      this.#payload === 'signed'
        ? (await this.#hasher.digest('sha256', body)).toString('hex')
        : UNSIGNED_PAYLOAD
    if (chosen === 'crc32') return { mode: chosen, payload, headers: { [ECHO]: crc32Of(body) } }
    const md5 = await this.#hasher.digest('md5', body)
    return { mode: chosen, payload, headers: { 'content-md5': md5.toString('base64') } }
  }

  /**
   * Looks at the reply to a protected body; rejects `corrupt` where something else arrived. False: nobody has
   * checked it, it is to be sent once more.
   */
  async accepted(asked: Asked, body: Body, sent: Protection, reply: HttpHeaders): Promise<boolean> {
    if (sent.payload === UNSIGNED_PAYLOAD) this.#payload = 'unsigned'
    if (sent.mode === 'md5') return true
    const echo = reply[ECHO]
    if (echo !== undefined) {
      this.#mode ??= 'crc32'
      if (echo === sent.headers[ECHO]) return true
      throw failure('corrupt', asked, 'the server stored other bytes (CRC32)')
    }
    this.#mode = 'md5'
    if (bodyLength(body) === 0) return true
    // Most ETags of single PUTs are the MD5 of the body.
    const md5 = (await this.#hasher.digest('md5', body)).toString('hex')
    return unquote(reply['etag']) === md5
  }

  /** Whether a refusal means that the payload has to be signed; then it is from now on. */
  signFromNowOn(error: unknown, secure: boolean): boolean {
    if (secure || this.#payload !== 'untried' || !(error instanceof StoreError)) return false
    if (!REFUSALS.has(error.details.code ?? '')) return false
    this.#payload = 'signed'
    return true
  }
}

/** CRC32 in S3's form: base64 of four bytes, high first. */
export function crc32Of(body: Body): string {
  let sum = 0
  for (const piece of body instanceof Uint8Array ? [body] : body) sum = crc32(piece, sum)
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(sum >>> 0)
  return bytes.toString('base64')
}
