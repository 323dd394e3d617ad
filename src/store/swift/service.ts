/**
 * `BucketService` over one Swift account.
 * Containers of segments are not shown unless asked for; deleting a container takes the (then useless) segments of
 * ours in its segments container with it.
 */
import type { CannedAcl } from '../../core/types.ts'
import type {
  Bucket,
  BucketService,
  Features,
  Grant,
  Limits,
  ObjectStore,
  Usage,
} from '../store.ts'
import { readAcl, writeAcl } from './acl-requests.ts'
import { eachParallel } from './bulk.ts'
import { jsonOf, type SwiftClient } from './client.ts'
import { trouble } from './errors.ts'
import type { Capabilities } from './features.ts'
import { parseTime } from './listing.ts'
import { ALL_OURS, isSegmentsContainer } from './names.ts'
import { Segments } from './segments.ts'
import { accountUsage } from './usage.ts'

export interface SwiftServiceOptions {
  readonly client: SwiftClient
  readonly capabilities: Capabilities
  readonly openContainer: (name: string) => Promise<ObjectStore>
  readonly now: () => number
  /** List `*_segments` and `*+segments` too. */
  readonly showSegments?: boolean
  readonly close: () => void
}

export class SwiftService implements BucketService {
  readonly family = 'swift'
  readonly features: Features
  readonly limits: Limits
  readonly #options: SwiftServiceOptions
  readonly #client: SwiftClient
  /** Of containers that the account's list gives no time for. */
  readonly #created = new Map<string, number>()

  constructor(options: SwiftServiceOptions) {
    this.#options = options
    this.#client = options.client
    this.features = options.capabilities.features
    this.limits = options.capabilities.limits
  }

  async listBuckets(): Promise<readonly Bucket[]> {
    const operation = 'ListAccount'
    const buckets: Bucket[] = []
    const limit = 1000
    let marker: string | undefined
    for (;;) {
      const query = { format: 'json', limit, marker }
      const reply = await this.#client.request({ operation, method: 'GET', query })
      const value = jsonOf(reply, operation)
      const page = Array.isArray(value) ? (value as Record<string, unknown>[]) : []
      for (const { name, last_modified: modified } of page) {
        if (typeof name !== 'string') continue
        marker = name
        if (this.#options.showSegments !== true && isSegmentsContainer(name)) continue
        const created = parseTime(modified)
        buckets.push(created > 0 ? { name, created } : { name })
      }
      if (page.length < limit) return this.#dated(buckets)
    }
  }

  /** RGW's list has no times: each container is asked for its own, once. */
  async #dated(buckets: readonly Bucket[]): Promise<readonly Bucket[]> {
    const undated = buckets.filter(
      ({ name, created }) => created === undefined && !this.#created.has(name),
    )
    await eachParallel(undated, 8, async ({ name }) => {
      const { headers } = await this.#client.request({
        operation: 'HeadContainer',
        method: 'HEAD',
        container: name,
        accept: [403, 404],
      })
      const seconds = Number(headers['x-timestamp'])
      if (seconds > 0) this.#created.set(name, Math.round(seconds * 1000))
    })
    return buckets.map(bucket => {
      const created = bucket.created ?? this.#created.get(bucket.name)
      return created === undefined ? bucket : { ...bucket, created }
    })
  }

  /** Rejects `exists` when it is there already: Swift itself would say nothing. */
  async createBucket(name: string): Promise<void> {
    const operation = 'CreateContainer'
    if (name === '' || name.includes('/')) {
      throw trouble('invalid', operation, 'a container has a name without slashes')
    }
    const reply = await this.#client.request({ operation, method: 'PUT', container: name })
    if (reply.status === 202) throw trouble('exists', operation, `${name} is there already`)
  }

  async deleteBucket(name: string): Promise<void> {
    const operation = 'DeleteContainer'
    this.#created.delete(name)
    const reply = await this.#client.request({
      operation,
      method: 'DELETE',
      container: name,
      accept: [409],
    })
    if (reply.status === 409) throw trouble('not-empty', operation, `${name} is not empty`)
    const { capabilities, now } = this.#options
    const segments = new Segments(this.#client, name, capabilities, { now })
    // Without objects, whatever is there of ours belongs to nobody.
    const { entries } = await segments.list(ALL_OURS)
    if (entries.length === 0) return
    await segments.remove(entries.map(entry => entry.name))
    await this.#client.request({
      operation,
      method: 'DELETE',
      container: segments.name,
      accept: [404, 409],
    })
  }

  open(name: string): Promise<ObjectStore> {
    return this.#options.openContainer(name)
  }

  getAcl(name: string): Promise<readonly Grant[]> {
    return readAcl(this.#client, name)
  }

  setAcl(name: string, acl: CannedAcl): Promise<void> {
    return writeAcl(this.#client, name, acl)
  }

  usage(): Promise<Usage> {
    return accountUsage(this.#client)
  }

  close(): void {
    this.#options.close()
  }
}
