/**
 * The secret that temporary addresses are signed with: the container's, else the account's, else a new one for the
 * container. Each is tried on an address before it is used, since some clusters keep a container's key without
 * honouring it. Kept for a while; never logged.
 */
import type { Clock } from '../../core/ports.ts'
import { StoreError } from '../../core/errors.ts'
import type { SwiftClient } from './client.ts'
import type { Headers } from './headers.ts'

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

  /** `sign` makes the address that a key is tried on. Rejects `denied` when none works and none may be made. */
  async get(sign: (key: string) => string): Promise<string> {
    if (this.#key !== undefined && this.#clock.now() - this.#key.at < KEPT) return this.#key.text
    for (const scope of ['container', 'account'] as const) {
      for (const text of await this.#keysOf(scope)) if (await this.#try(text, sign)) return text
    }
    for (const scope of ['container', 'account'] as const) {
      const text = this.#newKey()
      // Somebody may be using a key that is there: only an absent one is set.
      if ((await this.#keysOf(scope)).length > 0 || !(await this.#set(scope, text))) continue
      if (await this.#try(text, sign)) return text
    }
    const hint = 'set X-Container-Meta-Temp-URL-Key on the container, or the like on the account'
    throw new StoreError('denied', `no key to sign addresses with: ${hint}`, {
      operation: 'SignUrl',
      hint,
    })
  }

  async #try(text: string, sign: (key: string) => string): Promise<boolean> {
    const good = await this.#client.isReadable(sign(text))
    if (good) this.#key = { text, at: this.#clock.now() }
    return good
  }

  async #keysOf(scope: 'container' | 'account'): Promise<string[]> {
    const container = scope === 'container' ? { container: this.#container } : {}
    const reply = await this.#client.request({
      operation: 'HeadKeys',
      method: 'HEAD',
      ...container,
      accept: [403],
    })
    const name = `x-${scope}-meta-temp-url-key`
    const headers: Headers = reply.headers
    return [headers[name] ?? '', headers[`${name}-2`] ?? ''].filter(each => each !== '')
  }

  /** False where it is not allowed. */
  async #set(scope: 'container' | 'account', text: string): Promise<boolean> {
    const container = scope === 'container' ? { container: this.#container } : {}
    const reply = await this.#client.request({
      operation: 'SetKey',
      method: 'POST',
      ...container,
      headers: { [`x-${scope}-meta-temp-url-key`]: text },
      accept: [403],
    })
    return reply.status !== 403
  }
}
