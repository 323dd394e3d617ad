/**
 * Large objects: uploads in parts, ranges of stored objects as parts, copies. See ownership.ts for who deletes what.
 * A part is one or more slices; `Part.ref` is their JSON. The id of an upload is the folder of its segments.
 */
import { checkId, cutOrRange, slicesOfPart, toPart } from './part-slices.ts'
import type { Random } from '../../core/ports.ts'
import type { Key, Range } from '../../core/types.ts'
import { bodyLength } from '../http/head.ts'
import type { Body, CopySource, ListedUpload, Part, Stored, Upload } from '../store.ts'
import { eachParallel } from './bulk.ts'
import { trouble } from './errors.ts'
import { stripEtag } from './headers.ts'
import { formatManifest, groupsOf, join, planMerge, totalLength, type Slice } from './manifest.ts'
import * as names from './names.ts'
import { usesOf, type Layout, type Ownership } from './ownership.ts'
import { encodePath, encodeSegment } from './path.ts'
import type { SegmentEntry, Segments } from './segments.ts'

export interface LargeOptions {
  readonly segments: Segments
  readonly ownership: Ownership
  readonly now: () => number
  readonly random: Random
  /** MD5 of a body, in hexadecimal. */
  readonly md5: (body: Body) => Promise<string>
}

/** The source of a part, as a HEAD found it. */
export interface FoundSource {
  readonly key: Key
  readonly etag: string
  readonly size: number
  readonly layout: Layout | undefined
}

export class LargeObjects {
  readonly #segments: Segments
  readonly #ownership: Ownership
  readonly #now: () => number
  readonly #random: Random
  readonly #md5: LargeOptions['md5']
  /** Plain objects being preserved, and references being made, once an upload. */
  readonly #once = new Map<string, Promise<Slice | void>>()

  constructor(options: LargeOptions) {
    this.#segments = options.segments
    this.#ownership = options.ownership
    this.#now = options.now
    this.#random = options.random
    this.#md5 = options.md5
  }

  async create(key: Key): Promise<Upload> {
    if (!this.#segments.capabilities.slo) {
      throw trouble('unsupported', 'CreateUpload', 'the cluster has no static large objects', key)
    }
    await this.#segments.ensure()
    const id = names.newUploadId(key, this.#now(), this.#token())
    await this.#segments.putRecord(names.markerOf(id), { key })
    return { key, id }
  }

  async uploadPart(
    upload: Upload,
    number: number,
    body: Body,
    signal?: AbortSignal,
  ): Promise<Part> {
    checkId(upload)
    const name = names.segmentOf(upload.id, number)
    const md5 = await this.#md5(body)
    const size = bodyLength(body)
    const reply = await this.#segments.client.request({
      operation: 'UploadPart',
      method: 'PUT',
      container: this.#segments.name,
      key: name,
      headers: { 'content-type': 'application/octet-stream', etag: md5 },
      body,
      signal,
    })
    const etag = stripEtag(reply.headers['etag'] ?? md5)
    const path = `${this.#segments.name}/${name}`
    return toPart(number, [{ path, etag, bytes: size }])
  }

  /** `range` of `source` as a part. Rejects `unsupported` where the cluster takes no ranges of segments. */
  async copyPart(upload: Upload, number: number, source: FoundSource, range: Range): Promise<Part> {
    checkId(upload)
    const { partCopy } = this.#segments.capabilities.features
    if (!partCopy && source.layout?.kind !== 'static') {
      throw trouble('unsupported', 'CopyPart', 'this cluster takes no ranges', source.key)
    }
    const slices = await this.#slicesOf(upload, source, range)
    if (!partCopy && slices.some(slice => slice.range !== undefined)) {
      throw trouble('unsupported', 'CopyPart', 'this cluster takes whole segments only', source.key)
    }
    const part = toPart(number, slices)
    await this.#segments.putRecord(names.recordOf(upload.id, number), { part })
    return part
  }

  /**
   * A range of another container's object, copied into a segment of its own: what is in other containers may go at
   * any time. Rejects `unsupported` where the cluster copies no ranges.
   */
  async copyForeign(
    upload: Upload,
    number: number,
    source: { readonly key: Key; readonly bucket: string; readonly size: number },
    range: Range,
  ): Promise<Part> {
    checkId(upload)
    const { client, name: container } = this.#segments
    const operation = 'CopyPart'
    const { key, bucket, size } = source
    const name = names.segmentOf(upload.id, number)
    const whole = range.start === 0 && range.end === size
    await client.request({
      operation,
      method: 'PUT',
      container,
      key: name,
      headers: {
        'x-copy-from': `/${encodeSegment(bucket)}/${encodePath(key)}`,
        'x-fresh-metadata': 'true',
        'content-type': 'application/octet-stream',
        ...(whole ? {} : { range: `bytes=${range.start}-${range.end - 1}` }),
      },
      timeout: 600_000,
    })
    const { headers } = await client.request({ operation, method: 'HEAD', container, key: name })
    const bytes = range.end - range.start
    const plain = headers['x-static-large-object'] ?? headers['x-object-manifest']
    if (Number(headers['content-length']) !== bytes || plain !== undefined) {
      await this.#segments.remove([name])
      throw trouble('unsupported', operation, 'this cluster copies no ranges', key)
    }
    return toPart(number, [
      { path: `${container}/${name}`, etag: stripEtag(headers['etag']), bytes },
    ])
  }

  /** What `parts` make up, with at most as many entries as a manifest may have. */
  async assemble(upload: Upload, parts: readonly Part[], signal?: AbortSignal): Promise<Slice[]> {
    if (parts.length === 0) throw trouble('invalid', 'CompleteUpload', 'no parts', upload.key)
    const sorted = [...parts].sort((a, b) => a.number - b.number)
    const slices = join(sorted.flatMap(part => slicesOfPart(part, upload, this.#segments.name)))
    const { maxParts, maxPut } = this.#segments.capabilities.limits
    if (slices.length <= maxParts) return slices
    // Somewhat fewer than allowed, or the next small change would have to merge again.
    const plan = planMerge(slices, Math.ceil(maxParts * 0.9), maxPut)
    if (plan === undefined) {
      throw trouble('too-large', 'CompleteUpload', `more than ${maxParts} segments`, upload.key)
    }
    const merged: Slice[] = []
    let at = 0
    for (const [index, [from, to]] of plan.entries()) {
      merged.push(
        ...slices.slice(at, from),
        await this.#merge(upload, slices.slice(from, to), index, signal),
      )
      at = to
    }
    return [...merged, ...slices.slice(at)]
  }

  /** Stores the manifest under `key`. Rejects `not-found` where segments are missing. */
  async putManifest(
    key: Key,
    slices: readonly Slice[],
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
    container = this.#segments.owner,
  ): Promise<Stored> {
    const operation = 'PutManifest'
    const reply = await this.#segments.client.request({
      operation,
      method: 'PUT',
      container,
      key,
      query: { 'multipart-manifest': 'put' },
      headers,
      body: Buffer.from(formatManifest(slices)),
      signal,
      repeatable: headers['if-none-match'] === undefined,
      // The server looks at every segment before it answers.
      timeout: 300_000,
      accept: [400, 412],
    })
    if (reply.status === 412) throw trouble('exists', operation, 'it is there already', key)
    if (reply.status === 400) {
      const text = Buffer.from(reply.body).toString('utf8').replace(/\s+/g, ' ').slice(0, 300)
      const gone = /404 Not Found|Etag Mismatch|Size Mismatch/i.test(text)
      throw trouble(gone ? 'not-found' : 'invalid', operation, `400 ${text}`, key)
    }
    return { etag: stripEtag(reply.headers['etag']), size: totalLength(slices) }
  }

  /** After the manifest is stored: marker, pending references, records and superseded segments go. */
  async finish(upload: Upload, slices: readonly Slice[]): Promise<void> {
    const { entries } = await this.#segments.list(`${upload.id}/`)
    const used = usesOf({ kind: 'static', slices })
    const left = entries
      .map(entry => entry.name)
      .filter(name => !used(`${this.#segments.name}/${name}`))
    const groups = [...groupsOf(slices)].filter(group => group !== this.#groupOf(upload))
    await this.#segments.remove([names.markerOf(upload.id), ...left])
    await this.#ownership.dropPending(groups, upload.id)
    for (const name of this.#once.keys())
      if (name.startsWith(`${upload.id} `)) this.#once.delete(name)
  }

  async abort(upload: Upload): Promise<void> {
    checkId(upload)
    // First the marker: from now on nobody counts on this upload.
    await this.#segments.remove([names.markerOf(upload.id)])
    const { entries } = await this.#segments.list(`${upload.id}/`)
    const paths = entries.map(entry => `${this.#segments.name}/${entry.name}`)
    // Its complete may have succeeded with the reply lost: what the object has now is kept.
    const now = await this.#ownership.layoutNow(upload.key)
    await this.#ownership.releasePaths(paths, upload.key, now)
    await this.#ownership.unclaim(this.#groupOf(upload), upload.key, now)
  }

  async listUploads(prefix: string): Promise<readonly ListedUpload[]> {
    const wide = names.markersPrefix(prefix)
    const lists = [await this.#segments.list(wide)]
    if (wide !== names.ALL_MARKERS) lists.push(await this.#segments.list(names.HASHED_MARKERS))
    const found: ListedUpload[] = []
    await eachParallel(
      lists.flatMap(list => list.entries),
      8,
      async entry => {
        const record = (await this.#segments.getRecord(entry.name)) as { key?: unknown } | undefined
        if (typeof record?.key !== 'string' || !record.key.startsWith(prefix)) return
        found.push({
          key: record.key,
          id: names.uploadOfMarker(entry.name),
          started: entry.modified,
        })
      },
    )
    return found.sort((a, b) => a.started - b.started)
  }

  /** Rejects `not-found` when the upload is complete or gone. */
  async listParts(upload: Upload): Promise<readonly Part[]> {
    checkId(upload)
    if (!(await this.#segments.exists(names.markerOf(upload.id)))) {
      throw trouble('not-found', 'ListParts', 'the upload is gone', upload.key)
    }
    const { entries } = await this.#segments.list(`${upload.id}/`)
    const latest = new Map<number, SegmentEntry>()
    for (const entry of entries) {
      const part = names.partOf(entry.name)
      if (part === undefined) continue
      const other = latest.get(part.number)
      if (other === undefined || other.modified <= entry.modified) latest.set(part.number, entry)
    }
    const parts: Part[] = []
    await eachParallel([...latest], 8, async ([number, entry]) => {
      if (names.partOf(entry.name)?.record === false) {
        const path = `${this.#segments.name}/${entry.name}`
        parts.push(toPart(number, [{ path, etag: entry.etag, bytes: entry.bytes }]))
        return
      }
      const record = (await this.#segments.getRecord(entry.name)) as { part?: Part } | undefined
      if (record?.part !== undefined) parts.push(record.part)
    })
    return parts.sort((a, b) => a.number - b.number)
  }

  async #slicesOf(upload: Upload, source: FoundSource, range: Range): Promise<Slice[]> {
    if (source.layout?.kind === 'static') {
      const slices = join(cutOrRange(source.layout.slices, range, source.key))
      const groups = [...groupsOf(slices)].filter(group => group !== this.#groupOf(upload))
      for (const group of groups) {
        await this.#doOnce(`${upload.id} ${group}`, () =>
          this.#ownership.claimPending([group], upload.id),
        )
      }
      return slices
    }
    const base = await this.#doOnce(`${upload.id} ${source.key} ${source.etag}`, () =>
      this.#preserve(upload, source),
    )
    return cutOrRange([base as Slice], range, source.key)
  }

  /** A copy on the server of an object that is no static one, whole, as a segment. */
  async #preserve(upload: Upload, source: FoundSource): Promise<Slice> {
    const { client, owner, name: container, capabilities } = this.#segments
    if (source.size > capabilities.limits.maxCopy) {
      throw trouble('unsupported', 'CopyPart', 'too large to be copied on the server', source.key)
    }
    const name = names.baseOf(upload.id, source.key, source.etag)
    const reply = await client.request({
      operation: 'CopyPart',
      method: 'PUT',
      container,
      key: name,
      headers: {
        'x-copy-from': `/${encodeSegment(owner)}/${encodePath(source.key)}`,
        'x-fresh-metadata': 'true',
        'content-type': 'application/octet-stream',
      },
      timeout: 600_000,
    })
    const etag = stripEtag(reply.headers['etag'])
    if (source.layout === undefined && etag !== source.etag) {
      throw trouble('changed', 'CopyPart', 'the source was replaced', source.key)
    }
    return { path: `${container}/${name}`, etag, bytes: source.size }
  }

  /** One new segment with the bytes of several slices, made on the server: a large object copied flat. */
  async #merge(
    upload: Upload,
    slices: readonly Slice[],
    index: number,
    signal?: AbortSignal,
  ): Promise<Slice> {
    const { client, name: container } = this.#segments
    const name = names.mergedOf(upload.id, index, this.#token())
    const manifest = `${name}.manifest`
    await this.putManifest(manifest, slices, {}, signal, container)
    const reply = await client.request({
      operation: 'MergeSegments',
      method: 'PUT',
      container,
      key: name,
      headers: {
        'x-copy-from': `/${encodeSegment(container)}/${encodePath(manifest)}`,
        'x-fresh-metadata': 'true',
        'content-type': 'application/octet-stream',
      },
      signal,
      timeout: 600_000,
    })
    await this.#segments.remove([manifest])
    return {
      path: `${container}/${name}`,
      etag: stripEtag(reply.headers['etag']),
      bytes: totalLength(slices),
    }
  }

  #groupOf(upload: Upload): string {
    return `${this.#segments.name}/${upload.id}`
  }

  /** The same work is done once at a time and an upload; a failure is forgotten. */
  #doOnce<T extends Slice | void>(name: string, work: () => Promise<T>): Promise<Slice | void> {
    const found = this.#once.get(name)
    if (found !== undefined) return found
    const promise = work()
    this.#once.set(name, promise)
    promise.catch(() => this.#once.delete(name))
    return promise
  }

  #token(): string {
    return Math.floor(this.#random() * 2 ** 48)
      .toString(36)
      .padStart(10, '0')
  }
}

/** Whether a copy's source is the version asked for. Throws `changed`. */
export function checkVersion(from: CopySource, etag: string, operation: string): void {
  if (from.etag !== undefined && from.etag !== etag) {
    throw trouble('changed', operation, `it is version ${etag} now`, from.key)
  }
}
