/** A copy between two stores whose servers will not do it themselves: read and written, a part at a time. */
import type { Bytes } from '../core/types.ts'
import type { CopyOptions, CopySource, ObjectHead, ObjectStore, Part, Stored } from './store.ts'

/** Read and held at a time. */
const PIECE: Bytes = 16 * 1024 * 1024

/** Rejects with StoreError; leaves no parts behind then. */
export async function copyThrough(
  from: ObjectStore,
  source: CopySource,
  to: ObjectStore,
  key: string,
  options: CopyOptions,
): Promise<Stored> {
  const { signal } = options
  const head = await from.head(source.key, signal)
  const etag = source.etag ?? head.etag
  const put = { ...options, meta: options.meta ?? head.meta }
  const piece = Math.max(PIECE, to.limits.minPart, Math.ceil(head.size / to.limits.maxParts))
  const read = (start: number) =>
    readRange(from, source.key, etag, start, Math.min(head.size, start + piece), signal)
  if (head.size <= piece)
    return to.put(key, head.size === 0 ? new Uint8Array() : await read(0), put)
  const upload = await to.createUpload(key, put)
  const parts: Part[] = []
  try {
    for (let start = 0; start < head.size; start += piece) {
      parts.push(await to.uploadPart(upload, parts.length + 1, await read(start), signal))
    }
    return await to.completeUpload(upload, parts, put)
  } catch (error) {
    await to.abortUpload(upload, parts).catch(() => {})
    throw error
  }
}

async function readRange(
  store: ObjectStore,
  key: string,
  ifMatch: string,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const body = new Uint8Array(end - start)
  let filled = 0
  await store.get(
    key,
    { range: { start, end }, ifMatch, ...(signal === undefined ? {} : { signal }) },
    {
      begin: (_head: ObjectHead) => {},
      next: () => body.subarray(filled),
      filled: count => {
        filled += count
      },
    },
  )
  return body
}
