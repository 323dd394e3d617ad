/**
 * The segments container of one container: whether there is one, its listings, its small records.
 * By convention it is `CONTAINER_segments`, as the swift tool has it; it is created when first needed.
 */
import type { Clock } from '../../core/ports.ts'
import { deleteObjects } from './bulk.ts'
import { jsonOf, type SwiftClient } from './client.ts'
import type { Capabilities } from './features.ts'
import { parseTime } from './listing.ts'
import { s3SegmentsContainer, segmentsContainer } from './names.ts'

/** How long the absence of a segments container is believed: another client may begin to use one. */
const ABSENCE = 30_000

export interface SegmentEntry {
  readonly name: string
  readonly bytes: number
  readonly etag: string
  readonly modified: number
}

export interface SegmentListing {
  readonly entries: readonly SegmentEntry[]
  /** The server's clock, to tell ages by. */
  readonly now: number
}

export class Segments {
  readonly client: SwiftClient
  readonly capabilities: Capabilities
  /** The container of the objects. */
  readonly owner: string
  /** The container of the segments. */
  readonly name: string
  readonly #clock: Pick<Clock, 'now'>
  #present: boolean | undefined
  #checked = 0
  #versioned: { readonly is: boolean; readonly at: number } | undefined
  #creating: Promise<void> | undefined

  constructor(
    client: SwiftClient,
    owner: string,
    capabilities: Capabilities,
    clock: Pick<Clock, 'now'>,
  ) {
    this.client = client
    this.owner = owner
    this.name = segmentsContainer(owner)
    this.capabilities = capabilities
    this.#clock = clock
  }

  /** Containers whose segments belong to objects of the owner by convention. */
  isConventional(container: string): boolean {
    return container === this.name || container === s3SegmentsContainer(this.owner)
  }

  /** A large object was seen. */
  found(): void {
    this.#present = true
  }

  /** Whether objects with segments may be in the container. False is believed for `ABSENCE` ms. */
  async mayExist(): Promise<boolean> {
    if (this.#present === true) return true
    if (this.#present === false && this.#clock.now() - this.#checked < ABSENCE) return false
    const found = await Promise.all(
      [this.name, s3SegmentsContainer(this.owner)].map(name => this.#has(name)),
    )
    this.#checked = this.#clock.now()
    this.#present = found.includes(true)
    return this.#present
  }

  /**
   * Whether the container keeps old versions, or has: their manifests are out of sight and need their segments.
   * Believed for `ABSENCE` ms.
   */
  async isVersioned(): Promise<boolean> {
    const known = this.#versioned
    if (known !== undefined && this.#clock.now() - known.at < ABSENCE) return known.is
    const { headers } = await this.client.request({
      operation: 'HeadContainer',
      method: 'HEAD',
      container: this.owner,
    })
    const marks = ['x-versions-enabled', 'x-versions-location', 'x-history-location']
    const is = marks.some(name => headers[name] !== undefined)
    this.#versioned = { is, at: this.#clock.now() }
    return is
  }

  /** Creates the container if need be. */
  ensure(): Promise<void> {
    this.#creating ??= this.client
      .request({ operation: 'CreateContainer', method: 'PUT', container: this.name })
      .then(
        () => {
          this.#present = true
        },
        (error: unknown) => {
          this.#creating = undefined
          throw error
        },
      )
    return this.#creating
  }

  /** All entries of a prefix, through all pages; none where the container is not there. */
  async list(prefix: string, container = this.name): Promise<SegmentListing> {
    const entries: SegmentEntry[] = []
    const limit = this.capabilities.listing
    let marker: string | undefined
    let now = this.#clock.now()
    for (;;) {
      const reply = await this.client.request({
        operation: 'ListSegments',
        method: 'GET',
        container,
        query: { format: 'json', prefix, limit, marker },
        accept: [404],
      })
      const date = Date.parse(reply.headers['date'] ?? '')
      if (!Number.isNaN(date)) now = date + 999 // it is cut to whole seconds
      if (reply.status === 404) return { entries, now }
      const page = toEntries(jsonOf(reply, 'ListSegments'))
      entries.push(...page)
      marker = page.at(-1)?.name
      if (page.length < limit) return { entries, now }
    }
  }

  /** Stores a small JSON record. */
  async putRecord(name: string, value: object): Promise<void> {
    await this.client.request({
      operation: 'PutRecord',
      method: 'PUT',
      container: this.name,
      key: name,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(value)),
    })
  }

  /** A record, or undefined where there is none. */
  async getRecord(name: string): Promise<unknown> {
    const reply = await this.client.request({
      operation: 'GetRecord',
      method: 'GET',
      container: this.name,
      key: name,
      accept: [404],
    })
    return reply.status === 404 ? undefined : jsonOf(reply, 'GetRecord')
  }

  async exists(name: string): Promise<boolean> {
    const reply = await this.client.request({
      operation: 'HeadSegment',
      method: 'HEAD',
      container: this.name,
      key: name,
      accept: [404],
    })
    return reply.status !== 404
  }

  /** Missing ones are fine. Rejects with the first that could not be deleted. */
  async remove(names: readonly string[], container = this.name): Promise<void> {
    if (names.length === 0) return
    const failed = await deleteObjects(
      this.client,
      container,
      names,
      this.capabilities.features.deleteBatch,
    )
    for (const error of failed.values()) throw error
  }

  async #has(container: string): Promise<boolean> {
    const reply = await this.client.request({
      operation: 'HeadContainer',
      method: 'HEAD',
      container,
      // Whoever may not see it cannot write large objects either.
      accept: [400, 403, 404],
    })
    return reply.status < 300
  }
}

function toEntries(value: unknown): SegmentEntry[] {
  const list = Array.isArray(value) ? (value as Record<string, unknown>[]) : []
  return list
    .filter(item => typeof item['name'] === 'string')
    .map(item => ({
      name: item['name'] as string,
      bytes: Number(item['bytes'] ?? 0),
      etag: typeof item['hash'] === 'string' ? item['hash'] : '',
      modified: parseTime(item['last_modified']),
    }))
}
