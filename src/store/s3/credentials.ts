/**
 * Where signing keys come from: given outright, or the SDK's own chain. Kept until shortly before they run out;
 * renewed once on a server's word, however many requests met the refusal at the same time.
 */
import { fromNodeProviderChain } from '@aws-sdk/credential-providers'
import type { Clock } from '../../core/ports.ts'
import type { Milliseconds } from '../../core/types.ts'
import type { S3Options } from './options.ts'
import type { Credentials } from './sign.ts'

/** Keys that will run out within this time are fetched anew before use. */
const MARGIN: Milliseconds = 60_000
/** After a renewal that brought the same keys, none is tried for so long: the files or the service have no better. */
const PAUSE: Milliseconds = 5_000

interface Held extends Credentials {
  readonly expiration?: Date | undefined
}

export class CredentialSource {
  readonly #options: S3Options
  readonly #clock: Clock
  #held: Held | undefined
  #fetching: Promise<Held> | undefined
  #notBefore = 0

  constructor(options: S3Options, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#held = options.credentials
  }

  /** Rejects with the SDK's CredentialsProviderError where there are none. */
  get(): Held | Promise<Held> {
    const held = this.#held
    if (held !== undefined && !this.#runsOut(held)) return held
    return this.#fetch()
  }

  /** The server refused `used` as run out. True if others are there now. */
  async renew(used: Credentials): Promise<boolean> {
    if (this.#options.credentials !== undefined) return false
    if (this.#held !== undefined && !same(this.#held, used)) return true
    if (this.#clock.now() < this.#notBefore) return false
    const fresh = await this.#fetch().catch(() => used)
    if (!same(fresh, used)) return true
    this.#notBefore = this.#clock.now() + PAUSE
    return false
  }

  #runsOut(held: Held): boolean {
    return held.expiration !== undefined && held.expiration.getTime() - MARGIN < this.#clock.now()
  }

  /** One fetch at a time, through a new chain that reads the files again. */
  #fetch(): Promise<Held> {
    this.#fetching ??= this.#load().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #load(): Promise<Held> {
    const { profile } = this.#options
    const init = { ignoreCache: true, ...(profile === undefined ? {} : { profile }) }
    const identity = await fromNodeProviderChain(init)()
    this.#held = identity
    return identity
  }
}

function same(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey === b.secretAccessKey &&
    a.sessionToken === b.sessionToken
  )
}
