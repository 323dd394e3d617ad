/**
 * The source of a server-side copy: its version and its name, where servers differ.
 *
 * Version: whether x-amz-copy-source-if-match means anything is learnt at the first copy, by a tag that cannot be:
 * refused, it is looked at; accepted, the copy is made and the server ignores it (Ceph does). Where it is ignored, and
 * where a tag is refused that HEAD confirms (s3api, objects in parts), a HEAD is compared before the copy.
 *
 * Name: Ceph 16 unescapes the source of UploadPartCopy twice. A name with `%` would then mean another object, so it
 * is tried escaped twice first, after a look that nothing has that name.
 */
import { StoreError } from '../../core/errors.ts'
import type { ETag, Key } from '../../core/types.ts'
import type { CopySource } from '../store.ts'
import type { BucketClient } from './bucket-client.ts'
import { failure, type Asked } from './errors.ts'
import { encodeKey } from './escape.ts'
import type { Objects } from './objects.ts'

const IMPOSSIBLE: ETag = 'pailfs-no-such-version'

/** CopySource as S3 wants it: escaped, with the bucket. */
export function copySource(bucket: string, key: Key): string {
  return `${bucket}/${encodeKey(key)}`
}

/** The buckets that copies come from: the store's own, and others of the account as they are met. */
export class Sources {
  readonly #client: BucketClient
  readonly #own: Objects
  readonly #open: (bucket: string) => Objects
  readonly #others = new Map<string, Objects>()

  constructor(client: BucketClient, own: Objects, open: (bucket: string) => Objects) {
    this.#client = client
    this.#own = own
    this.#open = open
  }

  bucketOf({ bucket }: Pick<CopySource, 'bucket'>): string {
    return bucket ?? this.#client.bucket
  }

  /** Where the source is looked at. */
  of(from: Pick<CopySource, 'bucket'>): Objects {
    const name = this.bucketOf(from)
    if (name === this.#client.bucket) return this.#own
    let objects = this.#others.get(name)
    if (objects === undefined) this.#others.set(name, (objects = this.#open(name)))
    return objects
  }
}

export class SourceCheck {
  readonly #sources: Sources
  #enforced: boolean | undefined

  constructor(sources: Sources) {
    this.#sources = sources
  }

  /** Runs a copy of that version only. `run` is given the tag to send, or none. Rejects `changed`, `not-found`. */
  async run<T>(
    asked: Asked,
    from: CopySource,
    run: (etag: ETag | undefined) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const { etag } = from
    if (etag === undefined) return run(undefined)
    if (this.#enforced !== true) await this.#compare(asked, from, etag, signal)
    if (this.#enforced === false) return run(undefined)
    if (this.#enforced === undefined) {
      const made = await ifUnchanged(() => run(IMPOSSIBLE))
      this.#enforced = made === undefined
      if (made !== undefined) return made.value
    }
    const made = await ifUnchanged(() => run(etag))
    if (made !== undefined) return made.value
    await this.#compare(asked, from, etag, signal)
    return run(undefined)
  }

  async #compare(asked: Asked, from: CopySource, etag: ETag, signal?: AbortSignal): Promise<void> {
    const head = await this.#sources.of(from).head(from.key, signal)
    if (head.etag !== etag) throw failure('changed', asked, 'the source was changed')
  }
}

/** Finds out how often the source of a copied part has to be escaped. */
export class PartSourceNames {
  readonly #sources: Sources
  #twice: boolean | undefined

  constructor(sources: Sources) {
    this.#sources = sources
  }

  /** Runs a copy with the name in the form that this server understands. */
  async run<T>(asked: Asked, from: CopySource, copy: (source: string) => Promise<T>): Promise<T> {
    const { key } = from
    const bucket = this.#sources.bucketOf(from)
    const once = copySource(bucket, key)
    if (!key.includes('%') || this.#twice === false) return copy(once)
    const twice = copySource(bucket, encodeKey(key))
    if (this.#twice === true) return copy(twice)
    const other = await ifThere(() => this.#sources.of(from).head(encodeKey(key)))
    if (other !== undefined) {
      throw failure('unsupported', asked, 'cannot tell the source from one with an escaped name')
    }
    const made = await ifThere(() => copy(twice))
    if (made !== undefined) {
      this.#twice = true
      return made.value
    }
    const plain = await copy(once)
    this.#twice = false
    return plain
  }
}

async function ifUnchanged<T>(run: () => Promise<T>): Promise<{ value: T } | undefined> {
  return unless('changed', run)
}

async function ifThere<T>(run: () => Promise<T>): Promise<{ value: T } | undefined> {
  return unless('not-found', run)
}

async function unless<T>(kind: string, run: () => Promise<T>): Promise<{ value: T } | undefined> {
  try {
    return { value: await run() }
  } catch (error) {
    if (error instanceof StoreError && error.kind === kind) return undefined
    throw error
  }
}
