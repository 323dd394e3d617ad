/**
 * Metadata by version: an LRU in memory, in front of two generations on disk. An entry's address names a version
 * (key, ETag, LastModified), so nothing here can be stale, and everything here can be lost: whatever is wrong with
 * the disk costs a warning and some HEADs, never an error.
 */
import { LRUCache } from 'lru-cache'
import type { Log } from '../core/ports.ts'
import type { Bytes, ETag, Key, Milliseconds, ObjectMeta } from '../core/types.ts'
import { openGenerations } from './generations.ts'
import type { Generations } from './generations.ts'
import type { MetaCache } from './meta.ts'

export interface MetaCacheOptions {
  /** Where the database lives; made if it is not there. One process at a time. */
  readonly folder: string
  readonly log: Log
  /** Most versions kept on disk; default 2,000,000 (about 300 bytes each). */
  readonly maxEntries?: number
  /** Bound of the part in memory; default 8 MiB. */
  readonly memoryBytes?: Bytes
}

const MEMORY: Bytes = 8 * 2 ** 20

/** The cache of a mount. Never throws: without a usable folder it is one in memory only. */
export function openMetaCache(options: MetaCacheOptions): MetaCache {
  const { folder, log, maxEntries = 2_000_000, memoryBytes = MEMORY } = options
  return new LayeredMetaCache(memoryBytes, openGenerations(folder, maxEntries, log))
}

/** The same without a disk, for tests and for mounts without a cache folder. */
export function memoryMetaCache(memoryBytes: Bytes = MEMORY): MetaCache {
  return new LayeredMetaCache(memoryBytes, undefined)
}

class LayeredMetaCache implements MetaCache {
  readonly #memory: LRUCache<string, ObjectMeta>
  readonly #disk: Generations | undefined

  constructor(memoryBytes: Bytes, disk: Generations | undefined) {
    this.#disk = disk
    this.#memory = new LRUCache({ maxSize: memoryBytes, sizeCalculation: footprint })
  }

  get(key: Key, etag: ETag, modified: Milliseconds): ObjectMeta | undefined {
    const address = addressOf(key, etag, modified)
    const known = this.#memory.get(address)
    if (known !== undefined) return known
    const kept = decode(this.#disk?.get(address))
    if (kept !== undefined) this.#memory.set(address, kept)
    return kept
  }

  set(key: Key, etag: ETag, modified: Milliseconds, meta: ObjectMeta): void {
    const address = addressOf(key, etag, modified)
    const text = JSON.stringify(meta)
    const known = this.#memory.get(address)
    if (known !== undefined && JSON.stringify(known) === text) return
    this.#memory.set(address, meta)
    this.#disk?.set(address, text)
  }

  async close(): Promise<void> {
    this.#memory.clear()
    await this.#disk?.close()
  }
}

/** No two versions have the same: neither ETags nor numbers contain a newline. */
function addressOf(key: Key, etag: ETag, modified: Milliseconds): string {
  return `${etag}\n${modified}\n${key}`
}

/** About what an entry takes in memory. */
function footprint(meta: ObjectMeta, address: string): Bytes {
  let bytes = 200 + address.length
  for (const [name, value] of Object.entries(meta.user)) bytes += name.length + value.length + 32
  return bytes
}

/** What was written once, or undefined for anything else. */
function decode(text: string | undefined): ObjectMeta | undefined {
  if (text === undefined) return undefined
  try {
    const meta: unknown = JSON.parse(text)
    const sound = typeof meta === 'object' && meta !== null && 'user' in meta && isRecord(meta.user)
    return sound ? (meta as ObjectMeta) : undefined
  } catch {
    return undefined
  }
}

function isRecord(user: unknown): boolean {
  if (typeof user !== 'object' || user === null) return false
  return Object.values(user).every(value => typeof value === 'string')
}
