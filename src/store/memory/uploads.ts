/**
 * Unfinished large objects of the memory store: parts by number, sent again as often as one likes, until the
 * upload is completed or aborted. Rules of S3: ascending numbers, every ETag known, parts but the last not too small.
 */
import type { CannedAcl, ETag, Key, Milliseconds, ObjectMeta } from '../../core/types.ts'
import type { Limits, ListedUpload, Part, Upload } from '../store.ts'
import { Content, hashOfParts } from './content.ts'
import { failure } from './failure.ts'

interface StoredPart {
  readonly content: Content
  readonly etag: ETag
}

interface Unfinished {
  readonly key: Key
  readonly started: Milliseconds
  readonly meta: ObjectMeta
  readonly acl: CannedAcl
  readonly parts: Map<number, StoredPart>
}

/** What a completed upload becomes. */
export interface Finished {
  readonly content: Content
  readonly etag: ETag
  readonly meta: ObjectMeta
  readonly acl: CannedAcl
}

export class Uploads {
  readonly #limits: Limits
  readonly #uploads = new Map<string, Unfinished>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  create(upload: Upload, started: Milliseconds, meta: ObjectMeta, acl: CannedAcl): void {
    this.#uploads.set(upload.id, { key: upload.key, started, meta, acl, parts: new Map() })
  }

  /** Throws `not-found` for an unknown upload. */
  add(upload: Upload, number: number, content: Content, operation: string): Part {
    const { parts } = this.#find(upload, operation)
    if (!Number.isInteger(number) || number < 1 || number > this.#limits.maxParts) {
      throw failure('invalid', operation, upload.key, `part number ${number}`)
    }
    if (content.size > this.#limits.maxPart) throw failure('too-large', operation, upload.key)
    const etag = content.hash()
    parts.set(number, { content, etag })
    return { number, etag, size: content.size }
  }

  /** What completing would give; `drop` takes the upload away afterwards. */
  finish(upload: Upload, parts: readonly Part[]): Finished {
    const operation = 'CompleteMultipartUpload'
    const unfinished = this.#find(upload, operation)
    if (parts.length === 0) throw failure('invalid', operation, upload.key, 'no parts')
    const chosen = parts.map((part, index) => {
      const stored = unfinished.parts.get(part.number)
      const before = parts[index - 1]
      if (stored?.etag !== part.etag) throw failure('invalid', operation, upload.key, 'InvalidPart')
      if (before !== undefined && before.number >= part.number) {
        throw failure('invalid', operation, upload.key, 'InvalidPartOrder')
      }
      if (index < parts.length - 1 && stored.content.size < this.#limits.minPart) {
        throw failure('invalid', operation, upload.key, 'EntityTooSmall')
      }
      return stored
    })
    return {
      content: Content.concat(chosen.map(part => part.content)),
      etag: hashOfParts(chosen.map(part => part.etag)),
      meta: unfinished.meta,
      acl: unfinished.acl,
    }
  }

  drop(upload: Upload): void {
    this.#uploads.delete(upload.id)
  }

  list(prefix: string): readonly ListedUpload[] {
    return [...this.#uploads]
      .filter(([, upload]) => upload.key.startsWith(prefix))
      .map(([id, { key, started }]) => ({ key, id, started }))
  }

  parts(upload: Upload): readonly Part[] {
    const { parts } = this.#find(upload, 'ListParts')
    return [...parts]
      .map(([number, { etag, content }]) => ({ number, etag, size: content.size }))
      .sort((a, b) => a.number - b.number)
  }

  #find(upload: Upload, operation: string): Unfinished {
    const found = this.#uploads.get(upload.id)
    if (found?.key !== upload.key) throw failure('not-found', operation, upload.key, 'NoSuchUpload')
    return found
  }
}
