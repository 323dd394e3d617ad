/** The buckets of an account in memory: the reference `BucketService`. */
import type { CannedAcl, Milliseconds } from '../../core/types.ts'
import type {
  Bucket,
  BucketService,
  Features,
  Grant,
  Limits,
  ObjectStore,
  Usage,
} from '../store.ts'
import { grantsOf } from './acl.ts'
import { failure } from './failure.ts'
import { MemoryStore } from './memory-store.ts'
import type { MemoryStoreOptions } from './options.ts'

interface Kept {
  readonly store: MemoryStore
  readonly created: Milliseconds
  acl: CannedAcl
}

export class MemoryService implements BucketService {
  readonly family = 'memory'
  readonly features: Features
  readonly limits: Limits
  readonly #options: Omit<MemoryStoreOptions, 'bucket'>
  readonly #buckets = new Map<string, Kept>()

  /** The options are those of every bucket's store. */
  constructor(options: Omit<MemoryStoreOptions, 'bucket'>) {
    this.#options = options
    const { features, limits } = new MemoryStore(options)
    this.features = features
    this.limits = limits
  }

  async listBuckets(): Promise<readonly Bucket[]> {
    return [...this.#buckets]
      .map(([name, { created }]) => ({ name, created }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async createBucket(name: string): Promise<void> {
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
      throw failure('invalid', 'CreateBucket', undefined, `bucket name ${JSON.stringify(name)}`)
    }
    if (this.#buckets.has(name)) throw failure('exists', 'CreateBucket', undefined, name)
    const store = new MemoryStore({ ...this.#options, bucket: name })
    this.#buckets.set(name, { store, created: this.#options.clock.now(), acl: 'private' })
  }

  async deleteBucket(name: string): Promise<void> {
    const { store } = this.#find(name, 'DeleteBucket')
    if (store.count > 0) throw failure('not-empty', 'DeleteBucket', undefined, name)
    store.drop()
    this.#buckets.delete(name)
  }

  async open(name: string): Promise<ObjectStore> {
    return this.#find(name, 'HeadBucket').store
  }

  async getAcl(name: string): Promise<readonly Grant[]> {
    return grantsOf(this.#find(name, 'GetBucketAcl').acl)
  }

  async setAcl(name: string, acl: CannedAcl): Promise<void> {
    this.#find(name, 'PutBucketAcl').acl = acl
  }

  async usage(): Promise<Usage | undefined> {
    const usages = await Promise.all([...this.#buckets.values()].map(kept => kept.store.usage()))
    return {
      bytes: usages.reduce((sum, usage) => sum + (usage?.bytes ?? 0), 0),
      objects: usages.reduce((sum, usage) => sum + (usage?.objects ?? 0), 0),
    }
  }

  close(): void {
    // Nothing is open.
  }

  #find(name: string, operation: string): Kept {
    const kept = this.#buckets.get(name)
    if (kept === undefined) throw failure('no-bucket', operation, undefined, name)
    return kept
  }
}
