/** The features of many buckets at once: what holds in each that is open, so that nothing is relied on in vain. */
import type { Features, ObjectStore } from './store.ts'

type Flag = Exclude<keyof Features, 'deleteBatch'>

export class AllFeatures implements Features {
  readonly #base: Readonly<Features>
  readonly #stores: () => Iterable<ObjectStore>
  readonly #off = new Set<Flag>()

  /** `base`: before any bucket is open. */
  constructor(base: Readonly<Features>, stores: () => Iterable<ObjectStore>) {
    this.#base = base
    this.#stores = stores
  }

  get conditionalPut(): boolean {
    return this.#every('conditionalPut')
  }

  /** Learnt by each store for itself; one that has learnt nothing yet does not count. */
  get createExclusive(): boolean {
    return this.#every('createExclusive')
  }

  get looksFirst(): boolean {
    return this.#every('looksFirst')
  }

  get partCopy(): boolean {
    return this.#every('partCopy')
  }

  set partCopy(value: boolean) {
    if (value) this.#off.delete('partCopy')
    else this.#off.add('partCopy')
  }

  get metadataInPlace(): boolean {
    return this.#every('metadataInPlace')
  }

  get deleteBatch(): number {
    let least = this.#base.deleteBatch
    for (const { features } of this.#stores()) least = Math.min(least, features.deleteBatch)
    return least
  }

  get listingCurrent(): boolean {
    return this.#every('listingCurrent')
  }

  get acl(): boolean {
    return this.#base.acl
  }

  get tags(): boolean {
    return this.#base.tags
  }

  get signedUrl(): boolean {
    return this.#base.signedUrl
  }

  get storageClass(): boolean {
    return this.#base.storageClass
  }

  #every(flag: Flag): boolean {
    if (this.#off.has(flag)) return false
    let some = false
    for (const { features } of this.#stores()) {
      if (!features[flag]) return false
      some = true
    }
    return some || this.#base[flag] === true
  }
}
