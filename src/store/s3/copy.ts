/** Server-side copies: in one request up to the server's limit, in parts beyond; and a change of metadata, which on S3 is a copy onto itself. */
import { CopyObjectCommand } from '@aws-sdk/client-s3'
import { StoreError } from '../../core/errors.ts'
import type { Bytes, Key, ObjectMeta } from '../../core/types.ts'
import type {
  CopyOptions,
  CopySource,
  Limits,
  ObjectHead,
  Part,
  PutOptions,
  Stored,
} from '../store.ts'
import type { BucketClient } from './bucket-client.ts'
import type { Conditions } from './conditions.ts'
import { copySource, SourceCheck, type Sources } from './copy-source.ts'
import { metaInput, unquote } from './headers.ts'
import type { Objects } from './objects.ts'
import type { Uploads } from './uploads.ts'

/** Parts copied at the same time. */
const PARALLEL = 4
const PART: Bytes = 512 * 1024 * 1024

export interface CopierParts {
  readonly client: BucketClient
  readonly objects: Objects
  readonly conditions: Conditions
  readonly uploads: Uploads
  readonly limits: Limits
  readonly sources: Sources
}

export class Copier {
  readonly #client: BucketClient
  readonly #objects: Objects
  readonly #conditions: Conditions
  readonly #uploads: Uploads
  readonly #limits: Limits
  readonly #sources: Sources
  readonly #sourceCheck: SourceCheck
  /** Sizes from which on this server refused a copy in one request. */
  #refusedFrom: Bytes = Infinity

  constructor(parts: CopierParts) {
    this.#client = parts.client
    this.#objects = parts.objects
    this.#conditions = parts.conditions
    this.#uploads = parts.uploads
    this.#limits = parts.limits
    this.#sources = parts.sources
    this.#sourceCheck = new SourceCheck(parts.sources)
  }

  async copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    this.#objects.checkKey('CopyObject', to)
    this.#objects.checkMeta('CopyObject', to, options.meta)
    await this.#conditions.compare('CopyObject', to, options, options.signal)
    if (from.size > this.#limits.maxCopy || from.size >= this.#refusedFrom) {
      return this.#inParts(from, to, options)
    }
    try {
      return await this.#inOne(from, to, options)
    } catch (error) {
      if (!tooLarge(error) || from.size <= this.#limits.minPart) throw error
      this.#refusedFrom = Math.min(this.#refusedFrom, from.size)
      return this.#inParts(from, to, options)
    }
  }

  /**
   * New user metadata for the same bytes. Content headers and storage class that `options.meta` leaves out stay;
   * an empty string takes one away.
   */
  async setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const { key } = from
    const etag = from.etag ?? options.ifMatch
    const { signal, acl } = options
    const head = await this.#objects.head(key, signal)
    const source = { key, size: head.size, ...(etag === undefined ? {} : { etag }) }
    const meta = { ...head.meta, ...options.meta }
    return this.copy(source, key, {
      meta,
      ...(acl === undefined ? {} : { acl }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  async #inOne(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const asked = { operation: 'CopyObject', key: to }
    const { meta, acl, signal } = options
    const run = (etag: string | undefined) =>
      this.#client.call(
        asked,
        (sdk, o) =>
          sdk.send(
            new CopyObjectCommand({
              Bucket: this.#client.bucket,
              Key: to,
              CopySource: copySource(this.#sources.bucketOf(from), from.key),
              MetadataDirective: meta === undefined ? 'COPY' : 'REPLACE',
              ...metaInput(meta, acl, this.#client.account.options),
              ...(etag === undefined ? {} : { CopySourceIfMatch: `"${etag}"` }),
            }),
            o,
          ),
        signal,
      )
    const reply = await this.#sourceCheck.run(asked, from, run, signal)
    const etag = unquote(reply.CopyObjectResult?.ETag)
    const modified = reply.CopyObjectResult?.LastModified?.getTime()
    if (etag === '') return storedOf(await this.#objects.head(to, signal))
    return {
      etag,
      size: from.size,
      ...(modified === undefined ? {} : { modified }),
      ...(reply.VersionId === undefined ? {} : { versionId: reply.VersionId }),
    }
  }

  async #inParts(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const { signal } = options
    const head = await this.#sources.of(from).head(from.key, signal)
    const source = { ...from, etag: from.etag ?? head.etag, size: head.size }
    const meta: ObjectMeta = options.meta ?? head.meta
    const upload = await this.#uploads.create(to, { ...options, meta })
    try {
      const parts = await this.#copyParts(upload, source, signal)
      return await this.#uploads.complete(upload, parts, signal === undefined ? {} : { signal })
    } catch (error) {
      await this.#uploads.abort(upload).catch(() => {})
      throw error
    }
  }

  async #copyParts(
    upload: { key: Key; id: string },
    source: CopySource,
    signal: AbortSignal | undefined,
  ): Promise<Part[]> {
    const wanted = this.#client.account.options.copyPart ?? PART
    const size = Math.max(wanted, Math.ceil(source.size / this.#limits.maxParts))
    const count = Math.max(1, Math.ceil(source.size / size))
    const parts: Part[] = []
    let next = 0
    const work = async (): Promise<void> => {
      while (next < count) {
        const index = next++
        const range = { start: index * size, end: Math.min(source.size, (index + 1) * size) }
        parts[index] = await this.#uploads.copyPart(upload, index + 1, source, range, signal)
      }
    }
    await Promise.all(Array.from({ length: Math.min(PARALLEL, count) }, work))
    return parts
  }
}

function storedOf({ etag, size, modified }: ObjectHead): Stored {
  return { etag, size, modified }
}

/** EntityTooLarge, or InvalidRequest where the server words it so. */
function tooLarge(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false
  return error.kind === 'too-large' || /larger than the maximum/i.test(error.message)
}
