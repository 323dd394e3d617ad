/**
 * Multipart uploads. Parts go the lean way; the rest is the SDK's. A part's `ref` is its CRC32 where the server keeps
 * one: completing wants it back.
 */
import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { StoreError } from '../../core/errors.ts'
import type { ETag, Key, Range } from '../../core/types.ts'
import { bodyLength } from '../http/head.ts'
import type {
  Body,
  CopyOptions,
  CopySource,
  ListedUpload,
  Part,
  PutOptions,
  Stored,
  Upload,
} from '../store.ts'
import type { BucketClient } from './bucket-client.ts'
import { crc32Of, type ChecksumMode } from './checksums.ts'
import type { Conditions } from './conditions.ts'
import { PartSourceNames, SourceCheck, type Sources } from './copy-source.ts'
import { failure } from './errors.ts'
import { decodeListed } from './escape.ts'
import { metaInput, unquote } from './headers.ts'
import type { Objects } from './objects.ts'

/** Uploads whose checksum mode is remembered; the oldest are asked again. */
const REMEMBERED = 1000

export interface UploadsParts {
  readonly client: BucketClient
  readonly objects: Objects
  readonly conditions: Conditions
  readonly sources: Sources
}

export class Uploads {
  readonly #client: BucketClient
  readonly #objects: Objects
  readonly #conditions: Conditions
  readonly #sourceCheck: SourceCheck
  readonly #sourceNames: PartSourceNames
  readonly #modes = new Map<string, ChecksumMode>()

  constructor(parts: UploadsParts) {
    this.#client = parts.client
    this.#objects = parts.objects
    this.#conditions = parts.conditions
    this.#sourceCheck = new SourceCheck(parts.sources)
    this.#sourceNames = new PartSourceNames(parts.sources)
  }

  async create(key: Key, options: PutOptions | CopyOptions): Promise<Upload> {
    const asked = { operation: 'CreateMultipartUpload', key }
    this.#objects.checkKey(asked.operation, key)
    this.#objects.checkMeta(asked.operation, key, options.meta)
    const input = {
      Bucket: this.#client.bucket,
      Key: key,
      ChecksumAlgorithm: 'CRC32' as const,
      ...metaInput(options.meta, options.acl, this.#client.account.options),
    }
    const reply = await this.#client.call(
      asked,
      (sdk, o) => sdk.send(new CreateMultipartUploadCommand(input), o),
      options.signal,
    )
    const id = reply.UploadId
    if (id === undefined || id === '')
      throw failure('failed', asked, 'the server gave no upload id')
    // Only a server that says the algorithm back will look at the parts' checksums.
    this.#remember(id, reply.ChecksumAlgorithm === 'CRC32' ? 'crc32' : 'md5')
    return { key, id }
  }

  async part(upload: Upload, number: number, body: Body, signal?: AbortSignal): Promise<Part> {
    const mode = this.#modes.get(upload.id) ?? (await this.#askMode(upload))
    const reply = await this.#objects.sendBody(
      { operation: 'UploadPart', key: upload.key },
      {
        body,
        mode,
        headers: {},
        query: { partNumber: String(number), uploadId: upload.id },
        signal,
        repeatable: true,
      },
    )
    const ref = mode === 'crc32' ? crc32Of(body) : undefined
    return {
      number,
      etag: unquote(reply['etag']),
      size: bodyLength(body),
      ...(ref === undefined ? {} : { ref }),
    }
  }

  async copyPart(
    upload: Upload,
    number: number,
    from: CopySource,
    range: Range,
    signal?: AbortSignal,
  ): Promise<Part> {
    const asked = { operation: 'UploadPartCopy', key: upload.key }
    const copy = (source: string, etag: ETag | undefined) => {
      const input = {
        Bucket: this.#client.bucket,
        Key: upload.key,
        UploadId: upload.id,
        PartNumber: number,
        CopySource: source,
        CopySourceRange: `bytes=${range.start}-${range.end - 1}`,
        ...(etag === undefined ? {} : { CopySourceIfMatch: `"${etag}"` }),
      }
      return this.#client.call(
        asked,
        (sdk, o) => sdk.send(new UploadPartCopyCommand(input), o),
        signal,
      )
    }
    const run = (etag: ETag | undefined) =>
      this.#sourceNames.run(asked, from, source => copy(source, etag))
    const reply = await this.#sourceCheck.run(asked, from, run, signal)
    const result = reply.CopyPartResult
    return {
      number,
      etag: unquote(result?.ETag),
      size: range.end - range.start,
      ...(result?.ChecksumCRC32 === undefined ? {} : { ref: result.ChecksumCRC32 }),
    }
  }

  async complete(
    upload: Upload,
    parts: readonly Part[],
    options: PutOptions | CopyOptions,
  ): Promise<Stored> {
    const asked = { operation: 'CompleteMultipartUpload', key: upload.key }
    const { signal } = options
    await this.#conditions.compare(asked.operation, upload.key, options, signal)
    const condition = this.#conditions.headers(options)
    const input = {
      Bucket: this.#client.bucket,
      Key: upload.key,
      UploadId: upload.id,
      MultipartUpload: {
        Parts: parts.map(({ number, etag, ref }) => ({
          PartNumber: number,
          ETag: `"${etag}"`,
          ...(ref === undefined ? {} : { ChecksumCRC32: ref }),
        })),
      },
      ...(condition?.['if-match'] === undefined ? {} : { IfMatch: condition['if-match'] }),
      ...(condition?.['if-none-match'] === undefined ? {} : { IfNoneMatch: '*' }),
    }
    const reply = await this.#client
      .call(asked, (sdk, o) => sdk.send(new CompleteMultipartUploadCommand(input), o), signal)
      .catch((error: unknown) => {
        const clash =
          error instanceof StoreError && error.kind === 'changed' && options.ifAbsent === true
        throw clash ? failure('exists', asked, 'the object is there') : error
      })
    this.#modes.delete(upload.id)
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    const etag = unquote(reply.ETag)
    // Ceph answers with an empty tag.
    if (etag !== '')
      return { etag, size, ...(reply.VersionId ? { versionId: reply.VersionId } : {}) }
    const head = await this.#objects.head(upload.key, signal)
    const expected = etagOfParts(parts)
    // Somebody else's came right after ours: theirs must not pass for ours.
    if (expected !== undefined && head.etag !== expected)
      throw failure('changed', asked, 'another version is there by now')
    return { etag: head.etag, size: head.size, modified: head.modified }
  }

  async abort(upload: Upload): Promise<void> {
    const input = { Bucket: this.#client.bucket, Key: upload.key, UploadId: upload.id }
    this.#modes.delete(upload.id)
    try {
      await this.#client.call({ operation: 'AbortMultipartUpload', key: upload.key }, (sdk, o) =>
        sdk.send(new AbortMultipartUploadCommand(input), o),
      )
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'not-found') throw error
    }
  }

  async list(prefix: string): Promise<readonly ListedUpload[]> {
    const found: ListedUpload[] = []
    let keyMarker: string | undefined
    let idMarker: string | undefined
    do {
      const page = await this.#uploadsPage(prefix, keyMarker, idMarker)
      const name = page.EncodingType === 'url' ? decodeListed : (text: string) => text
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue
        found.push({ key: name(Key), id: UploadId, started: Initiated?.getTime() ?? 0 })
      }
      const next = page.IsTruncated === true ? page.NextKeyMarker : undefined
      const goesOn =
        next !== undefined && (name(next) !== keyMarker || page.NextUploadIdMarker !== idMarker)
      keyMarker = goesOn ? name(next) : undefined
      idMarker = page.NextUploadIdMarker
    } while (keyMarker !== undefined)
    return found
  }

  /** Names escaped and said to be so, or plain. Ceph escapes them without saying so: then they are asked for plain. */
  async #uploadsPage(prefix: string, keyMarker: string | undefined, idMarker: string | undefined) {
    const ask = (encoding: 'url' | undefined) => {
      const input = {
        Bucket: this.#client.bucket,
        Prefix: prefix,
        ...(encoding === undefined ? {} : { EncodingType: encoding }),
        ...(keyMarker === undefined ? {} : { KeyMarker: keyMarker }),
        ...(idMarker === undefined ? {} : { UploadIdMarker: idMarker }),
      }
      return this.#client.call({ operation: 'ListMultipartUploads' }, (sdk, o) =>
        sdk.send(new ListMultipartUploadsCommand(input), o),
      )
    }
    const page = await ask('url')
    const doubtful = (page.Uploads ?? []).some(({ Key }) => Key?.includes('%') === true)
    if (page.EncodingType === 'url' || !doubtful) return page
    // A name that XML cannot carry makes the plain listing unreadable: then the escaped one is the better guess.
    return ask(undefined).catch(() => ({ ...page, EncodingType: 'url' as const }))
  }

  async parts(upload: Upload): Promise<readonly Part[]> {
    const found: Part[] = []
    let marker: string | undefined
    do {
      const page = await this.#listParts(upload, marker)
      for (const { PartNumber, ETag, Size, ChecksumCRC32 } of page.Parts ?? []) {
        found.push({
          number: PartNumber ?? 0,
          etag: unquote(ETag),
          size: Size ?? 0,
          ...(ChecksumCRC32 === undefined ? {} : { ref: ChecksumCRC32 }),
        })
      }
      const next = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
      marker = next === marker ? undefined : next
    } while (marker !== undefined)
    return found
  }

  /** An upload from before a restart: the server knows whether its parts carry checksums. */
  async #askMode(upload: Upload): Promise<ChecksumMode> {
    const { ChecksumAlgorithm } = await this.#listParts(upload, undefined, 1)
    const mode = ChecksumAlgorithm === 'CRC32' ? 'crc32' : 'md5'
    this.#remember(upload.id, mode)
    return mode
  }

  #listParts(upload: Upload, marker: string | undefined, limit?: number) {
    return this.#client.call({ operation: 'ListParts', key: upload.key }, (sdk, o) =>
      sdk.send(
        new ListPartsCommand({
          Bucket: this.#client.bucket,
          Key: upload.key,
          UploadId: upload.id,
          ...(marker === undefined ? {} : { PartNumberMarker: marker }),
          ...(limit === undefined ? {} : { MaxParts: limit }),
        }),
        o,
      ),
    )
  }

  #remember(id: string, mode: ChecksumMode): void {
    this.#modes.set(id, mode)
    const [oldest] = this.#modes.keys()
    if (this.#modes.size > REMEMBERED && oldest !== undefined) this.#modes.delete(oldest)
  }
}

/** The ETag of an object made of these parts: the MD5 of their MD5s, and their number. Undefined if a tag is no MD5. */
function etagOfParts(parts: readonly Part[]): ETag | undefined {
  const hash = createHash('md5')
  for (const { etag } of parts) {
    if (!/^[0-9a-f]{32}$/.test(etag)) return undefined
    hash.update(Buffer.from(etag, 'hex'))
  }
  return `${hash.digest('hex')}-${parts.length}`
}
