/**
 * Which buckets the account has, and the making and removing of them. What was made or removed here a moment ago stands
 * above what the server lists: some lists lag behind.
 */
import { StoreError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import type { BucketLevel, BucketService } from './store.ts'

/** How long a list may miss what was done here. */
const LAG: Milliseconds = 30_000

const RULES = {
  s3: 'a bucket name has 3 to 63 lower case letters, digits, dots and hyphens, and begins and ends with a letter or digit',
  memory: 'a bucket name has 3 to 63 lower case letters, digits, dots and hyphens',
  swift:
    'a container name has 1 to 256 bytes and no slash, and does not end with _segments or +segments',
} as const

export interface FoundBucket {
  readonly name: string
  /** When the list was first asked for, where the family does not tell. */
  readonly created: Milliseconds
}

export class BucketList implements BucketLevel {
  readonly #service: BucketService
  readonly #clock: Pick<Clock, 'now'>
  readonly #removed: (name: string) => void
  readonly #began: Milliseconds
  /** As listed last; undefined for a name that was looked for and not found. */
  #known = new Map<string, FoundBucket | undefined>()
  #asking: Promise<Map<string, FoundBucket>> | undefined
  readonly #made = new Map<string, FoundBucket>()
  readonly #gone = new Map<string, Milliseconds>()

  /** `removed` is told of buckets that are no more. */
  constructor(service: BucketService, clock: Pick<Clock, 'now'>, removed: (name: string) => void) {
    this.#service = service
    this.#clock = clock
    this.#removed = removed
    this.#began = clock.now()
  }

  /** All of them, asked for now. */
  names(): Promise<ReadonlyMap<string, FoundBucket>> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined))
    return this.#asking
  }

  /** One of them: from the last list, or a new one where that does not have it. */
  async find(name: string): Promise<FoundBucket | undefined> {
    if (this.#known.has(name)) return this.#known.get(name)
    const found = (await this.names()).get(name)
    if (!found) this.#known.set(name, undefined)
    return found
  }

  /** It turned out not to be there. */
  forget(name: string): void {
    this.#known.delete(name)
    this.#made.delete(name)
    this.#removed(name)
  }

  async create(name: string): Promise<void> {
    const asked = { operation: 'CreateBucket' }
    const { family } = this.#service
    if (family === 'swift' && /[_+]segments$/.test(name)) {
      throw new StoreError('invalid', `${name}: ${RULES.swift}`, asked)
    }
    // Some servers say nothing when it is ours already.
    if ((await this.names()).has(name)) {
      throw new StoreError('exists', `the bucket ${name} is yours already`, asked)
    }
    try {
      await this.#service.createBucket(name)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      if (error.kind === 'invalid') {
        throw new StoreError('invalid', `${error.message}: ${RULES[family]}`, error.details)
      }
      if (error.kind === 'exists') {
        const ours = error.details.code === 'BucketAlreadyOwnedByYou'
        const whose = ours ? 'by you' : 'perhaps by another account'
        const text = `${error.message}: the name ${name} is taken, ${whose}`
        throw new StoreError('exists', text, error.details)
      }
      throw error
    }
    this.#gone.delete(name)
    this.#made.set(name, { name, created: this.#clock.now() })
    this.#known.set(name, this.#made.get(name))
  }

  async remove(name: string): Promise<void> {
    await this.#service.deleteBucket(name)
    this.#made.delete(name)
    this.#gone.set(name, this.#clock.now())
    this.#known.set(name, undefined)
    this.#removed(name)
  }

  async #ask(): Promise<Map<string, FoundBucket>> {
    const listed = await this.#service.listBuckets()
    const now = this.#clock.now()
    for (const [name, at] of this.#gone) if (now - at > LAG) this.#gone.delete(name)
    for (const [name, { created }] of this.#made) if (now - created > LAG) this.#made.delete(name)
    const found = new Map<string, FoundBucket>()
    for (const { name, created = this.#began } of listed) {
      if (!this.#gone.has(name)) found.set(name, { name, created })
    }
    for (const [name, bucket] of this.#made) if (!found.has(name)) found.set(name, bucket)
    this.#known = new Map(found)
    return found
  }
}
