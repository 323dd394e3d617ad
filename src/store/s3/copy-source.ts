/**
 * The source of a server-side copy and its version. Whether x-amz-copy-source-if-match means anything is learnt at the
 * first copy, by a tag that cannot be: refused, it is looked at; accepted, the copy is made and the server ignores it
 * (Ceph does). Where it is ignored a HEAD is compared before each copy.
 */
import { StoreError } from '../../core/errors.ts'
import type { CopySource } from '../store.ts'
import { failure, type Asked } from './errors.ts'
import { encodeKey } from './escape.ts'
import type { Objects } from './objects.ts'

const IMPOSSIBLE = 'pailfs-no-such-version'

/** CopySource as S3 wants it: escaped, with the bucket. */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${encodeKey(key)}`
}

export class SourceCheck {
  readonly #objects: Objects
  #enforced: boolean | undefined

  constructor(objects: Objects) {
    this.#objects = objects
  }

  /** Runs a copy of that version only. `run` is given the tag to send, or none. Rejects `changed`, `not-found`. */
  async run<T>(
    asked: Asked,
    from: CopySource,
    run: (etag: string | undefined) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    if (from.etag === undefined) return run(undefined)
    if (this.#enforced === true) return run(from.etag)
    const head = await this.#objects.head(from.key, signal)
    if (head.etag !== from.etag) throw failure('changed', asked, 'the source was changed')
    if (this.#enforced === false) return run(undefined)
    try {
      const made = await run(IMPOSSIBLE)
      this.#enforced = false
      return made
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'changed') throw error
      this.#enforced = true
      return run(from.etag)
    }
  }
}
