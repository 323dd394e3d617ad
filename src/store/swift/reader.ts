/**
 * GET of an object or a range of it, straight into the caller's memory.
 *
 * RGW compares If-Match with the tag of a large object's manifest, not with the one it tells: it would never match.
 * So a 412 is looked into with a HEAD; where the version is the one wanted, the GET goes without the header and the
 * tag of the reply itself is compared before a byte is given on. Such tags are remembered.
 */
import type { ETag, Key } from '../../core/types.ts'
import { StoreError } from '../../core/errors.ts'
import type { BodySink } from '../http/types.ts'
import type { GetOptions, ObjectHead, Sink } from '../store.ts'
import { BodyChecks, type BodyCheck } from '../body-check.ts'
import type { SwiftClient } from './client.ts'
import { trouble } from './errors.ts'
import { isLarge, stripEtag, toHead } from './headers.ts'

const OPERATION = 'GetObject'
/** Most tags remembered. */
const KEPT = 1000

export class Reader {
  readonly #client: SwiftClient
  readonly #container: string
  readonly #foundLarge: () => void
  readonly #unmatched = new Set<ETag>()
  readonly #bodies = new BodyChecks()

  /** `foundLarge` is told of every large object that is read. */
  constructor(client: SwiftClient, container: string, foundLarge: () => void) {
    this.#client = client
    this.#container = container
    this.#foundLarge = foundLarge
  }

  /** Rejects `changed` for another version, `corrupt` when another range comes than was asked for. */
  async read(key: Key, options: GetOptions, sink: Sink): Promise<ObjectHead> {
    const { ifMatch } = options
    if (ifMatch !== undefined && this.#unmatched.has(ifMatch))
      return this.#get(key, options, sink, false)
    try {
      return await this.#get(key, options, sink, true)
    } catch (error) {
      if (ifMatch === undefined || !(error instanceof StoreError) || error.details.status !== 412)
        throw error
      if (!(await this.#isLargeVersion(key, ifMatch, options.signal))) throw error
      if (this.#unmatched.size >= KEPT) this.#unmatched.clear()
      this.#unmatched.add(ifMatch)
      return this.#get(key, options, sink, false)
    }
  }

  async #isLargeVersion(key: Key, etag: ETag, signal: AbortSignal | undefined): Promise<boolean> {
    const container = this.#container
    const { headers } = await this.#client.request({
      operation: OPERATION,
      method: 'HEAD',
      container,
      key,
      signal,
    })
    return isLarge(headers) && stripEtag(headers['etag']) === etag
  }

  async #get(key: Key, options: GetOptions, sink: Sink, conditional: boolean): Promise<ObjectHead> {
    const { range, ifMatch, signal } = options
    const checks = this.#bodies
    let head: ObjectHead | undefined
    let check: BodyCheck | undefined
    let memory: Uint8Array | undefined
    const begin = (
      found: ObjectHead,
      rangeHeader: string | undefined,
      length: number | undefined,
    ): void => {
      if (ifMatch !== undefined && found.etag !== ifMatch) {
        throw trouble('changed', OPERATION, `it is version ${found.etag} now`, key)
      }
      if (range !== undefined)
        checkRange(key, range.start, Math.min(range.end, found.size), rangeHeader, length)
      head = found
      sink.begin(found)
    }
    const foundLarge = this.#foundLarge
    const into: BodySink = {
      begin(status, headers, length) {
        if (status !== 200 && status !== 206) return false
        const found = toHead(key, headers)
        begin(found, headers['content-range'], length)
        if (isLarge(headers)) foundLarge()
        else check = checks.begin(found.etag, found.size, range)
        return true
      },
      next: () => (memory = sink.next()),
      filled: count => {
        if (check?.add(memory!.subarray(0, count)) === false)
          throw trouble('corrupt', OPERATION, 'the bytes do not fit the ETag', key)
        sink.filled(count)
      },
    }
    const reply = await this.#client.request({
      operation: OPERATION,
      method: 'GET',
      container: this.#container,
      key,
      headers: {
        ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` }),
        ...(ifMatch === undefined || !conditional ? {} : { 'if-match': `"${ifMatch}"` }),
      },
      sink: into,
      signal,
    })
    // Where there is no body at all (204), the sink was not asked.
    if (head === undefined) begin(toHead(key, reply.headers), undefined, undefined)
    return head as unknown as ObjectHead
  }
}

function checkRange(
  key: Key,
  start: number,
  end: number,
  header: string | undefined,
  length: number | undefined,
): void {
  const first = Number(/^bytes (\d+)-/.exec(header ?? '')?.[1] ?? 0)
  if (first !== start || (length !== undefined && length !== end - start)) {
    throw trouble('corrupt', OPERATION, 'another range came than was asked for', key)
  }
}
