/**
 * Where signing keys come from: given outright, or the SDK's own chain. Kept until shortly before they run out;
 * renewed once on a server's word, however many requests met the refusal at the same time.
 *
 * Once there were keys, a source that gives none is out of order and will come back: the old keys serve while they
 * hold, then requests fail as `expired`, which is tried again, and not as `denied`, which is final.
 */
import { fromNodeProviderChain } from '@aws-sdk/credential-providers'
import { StoreError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports.ts'
import type { Milliseconds } from '../../core/types.ts'
import type { S3Options } from './options.ts'
import type { Credentials } from './sign.ts'

/** Keys that will run out within this time are fetched anew before use. */
const MARGIN: Milliseconds = 60_000
/** After a renewal that brought no other keys, none is tried for so long: the files or the service have no better. */
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
  #failed: unknown

  constructor(options: S3Options, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#held = options.credentials
  }

  /** Rejects with the SDK's CredentialsProviderError where there are none. */
  get(): Held | Promise<Held> {
    const held = this.#held
    if (held === undefined) return this.#fetch()
    const now = this.#clock.now()
    const ends = held.expiration?.getTime() ?? Infinity
    if (ends - MARGIN >= now) return held
    if (now >= this.#notBefore) return this.#refresh(held)
    if (ends > now || this.#failed === undefined) return held
    return Promise.reject(ranOut(this.#failed))
  }

  /** The server refused `used` as run out. True if others are there now. */
  async renew(used: Credentials): Promise<boolean> {
    if (this.#options.credentials !== undefined) return false
    if (this.#held !== undefined && !same(this.#held, used)) return true
    if (this.#clock.now() < this.#notBefore) return false
    const fresh = await this.#fetch().catch((error: unknown) => {
      this.#failed = error
      return used
    })
    if (!same(fresh, used)) return true
    this.#notBefore = this.#clock.now() + PAUSE
    return false
  }

  /** The keys that are there, if there are no better ones and they still hold. */
  async #refresh(held: Held): Promise<Held> {
    try {
      const fresh = await this.#fetch()
      if (same(fresh, held)) this.#notBefore = this.#clock.now() + PAUSE
      return fresh
    } catch (error) {
      const now = this.#clock.now()
      this.#notBefore = now + PAUSE
      this.#failed = error
      if ((held.expiration?.getTime() ?? Infinity) > now) return held
      throw ranOut(error)
    }
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
    this.#failed = undefined
    return identity
  }
}

function ranOut(cause: unknown): StoreError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new StoreError(
    'expired',
    `the credentials have run out, and there are no new ones: ${why}`,
    {
      operation: 'GetCredentials',
      hint: 'Log in again, or look whether the service that gives the credentials is well.',
    },
  )
}

function same(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey === b.secretAccessKey &&
    a.sessionToken === b.sessionToken
  )
}
