/**
 * The secret that temporary addresses are signed with: the container's, else the account's, else a new one for the
 * container. Kept for a while; never logged.
 */
import type { Clock } from '../../core/ports.ts'
import { StoreError } from '../../core/errors.ts'
import type { SwiftClient } from './client.ts'

const KEPT = 300_000

export class TempKey {
  readonly #client: SwiftClient
  readonly #container: string
  readonly #clock: Pick<Clock, 'now'>
  readonly #newKey: () => string
  #key: { readonly text: string; readonly at: number } | undefined

  constructor(
    client: SwiftClient,
    container: string,
    clock: Pick<Clock, 'now'>,
    newKey: () => string,
  ) {
    this.#client = client
    this.#container = container
    this.#clock = clock
    this.#newKey = newKey
  }

  /** Rejects `denied` when there is no key and none may be made. */
  async get(): Promise<string> {
    if (this.#key !== undefined && this.#clock.now() - this.#key.at < KEPT) return this.#key.text
    const text = (await this.#ofContainer()) ?? (await this.#ofAccount()) ?? (await this.#create())
    this.#key = { text, at: this.#clock.now() }
    return text
  }

  async #ofContainer(): Promise<string | undefined> {
    const reply = await this.#client.request({
      operation: 'HeadContainer',
      method: 'HEAD',
      container: this.#container,
    })
    return (
      reply.headers['x-container-meta-temp-url-key'] ??
      reply.headers['x-container-meta-temp-url-key-2']
    )
  }

  async #ofAccount(): Promise<string | undefined> {
    const reply = await this.#client.request({
      operation: 'HeadAccount',
      method: 'HEAD',
      accept: [403],
    })
    return (
      reply.headers['x-account-meta-temp-url-key'] ?? reply.headers['x-account-meta-temp-url-key-2']
    )
  }

  async #create(): Promise<string> {
    const key = this.#newKey()
    try {
      await this.#client.request({
        operation: 'PostContainer',
        method: 'POST',
        container: this.#container,
        headers: { 'x-container-meta-temp-url-key': key },
      })
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'denied') throw error
      const hint = 'ask the owner to set X-Container-Meta-Temp-URL-Key on the container'
      throw new StoreError('denied', `no key to sign addresses with: ${hint}`, {
        ...error.details,
        hint,
      })
    }
    // RGW takes some of a container's headers without keeping them.
    return (await this.#ofContainer()) ?? this.#createOnAccount(key)
  }

  async #createOnAccount(key: string): Promise<string> {
    await this.#client.request({
      operation: 'PostAccount',
      method: 'POST',
      headers: { 'x-account-meta-temp-url-key': key },
    })
    return key
  }
}
