/**
 * Access lists and tags that were set through this store, kept over what would lose them: on S3 a new PUT, and any
 * copy, makes an object private and takes its tags. Remembered while the store lives, for the keys set last.
 */
import type { CannedAcl, ETag, Key } from '../core/types.ts'
import { StoreDecorator, type Call } from './decorator.ts'
import type {
  Body,
  CopyOptions,
  CopySource,
  ObjectStore,
  Part,
  PutOptions,
  StoreErrorLike,
  Stored,
  Upload,
} from './store.ts'

const MOST = 10_000

interface Kept {
  readonly acl?: CannedAcl
  readonly tags?: Readonly<Record<string, string>>
}

/** The same store, with a memory. */
export function keepExtras(store: ObjectStore): ObjectStore {
  return new KeptExtras(store)
}

class KeptExtras extends StoreDecorator {
  readonly #kept = new Map<Key, Kept>()

  protected around<T>(_call: Call, run: () => Promise<T>): Promise<T> {
    return run()
  }

  override async setAcl(key: Key, acl: CannedAcl): Promise<void> {
    await this.inner.setAcl(key, acl)
    this.#keep(key, { ...this.#kept.get(key), acl })
  }

  override async setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    await this.inner.setTags(key, tags)
    this.#keep(key, { ...this.#kept.get(key), tags })
  }

  override put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    return this.#again(key, this.inner.put(key, body, this.#with(key, options)))
  }

  override copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    return this.#again(to, this.inner.copy(from, to, this.#with(to, options)))
  }

  override setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    return this.inner.setMeta(from, this.#with(from.key, options))
  }

  override createUpload(key: Key, options: PutOptions): Promise<Upload> {
    return this.inner.createUpload(key, this.#with(key, options))
  }

  override completeUpload(
    upload: Upload,
    parts: readonly Part[],
    options: PutOptions,
  ): Promise<Stored> {
    return this.#again(upload.key, this.inner.completeUpload(upload, parts, options))
  }

  moved(from: Key, to: Key): void {
    const kept = this.#kept.get(from)
    this.#kept.delete(from)
    if (kept) this.#keep(to, kept)
    else this.#kept.delete(to)
  }

  override async delete(
    key: Key,
    options?: { readonly ifMatch?: ETag; readonly signal?: AbortSignal },
  ): Promise<void> {
    await this.inner.delete(key, options)
    this.#kept.delete(key)
  }

  override async deleteMany(
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, StoreErrorLike>> {
    const failed = await this.inner.deleteMany(keys, signal)
    for (const key of keys) if (!failed.has(key)) this.#kept.delete(key)
    return failed
  }

  #with<O extends CopyOptions>(key: Key, options: O): O {
    const acl = this.#kept.get(key)?.acl
    return acl === undefined ? options : { ...options, acl }
  }

  /** Tags after a new object; the object stays good without them. */
  async #again(key: Key, made: Promise<Stored>): Promise<Stored> {
    const stored = await made
    const tags = this.#kept.get(key)?.tags
    if (tags && Object.keys(tags).length > 0) await this.inner.setTags(key, tags).catch(() => {})
    return stored
  }

  #keep(key: Key, kept: Kept): void {
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MOST && oldest !== undefined) this.#kept.delete(oldest)
  }
}
