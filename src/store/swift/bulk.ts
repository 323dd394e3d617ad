/**
 * Deleting many objects: by the bulk middleware where the cluster has it, else one by one, a few at a time.
 * https://docs.openstack.org/swift/latest/middleware.html#bulk-delete
 */
import { StoreError } from '../../core/errors.ts'
import { fromReply } from './errors.ts'
import { jsonOf, type SwiftClient } from './client.ts'
import { decodePath, encodePath, encodeSegment } from './path.ts'

/** Requests at a time where there is no bulk delete. */
const PARALLEL = 8

/** Names of one container; resolves with those that could not be deleted. Missing ones count as deleted. */
export async function deleteObjects(
  client: SwiftClient,
  container: string,
  keys: readonly string[],
  batch: number,
  signal?: AbortSignal,
): Promise<Map<string, StoreError>> {
  const failed = new Map<string, StoreError>()
  if (batch <= 1 || keys.length === 1) {
    await eachParallel(keys, PARALLEL, async key => {
      try {
        await client.request({
          operation: 'DeleteObject',
          method: 'DELETE',
          container,
          key,
          signal,
          accept: [404],
        })
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        failed.set(key, error)
      }
    })
    return failed
  }
  for (let at = 0; at < keys.length; at += batch) {
    await deleteBatch(client, container, keys.slice(at, at + batch), failed, signal)
  }
  return failed
}

async function deleteBatch(
  client: SwiftClient,
  container: string,
  keys: readonly string[],
  failed: Map<string, StoreError>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const operation = 'BulkDelete'
  const paths = new Map(keys.map(key => [`/${encodeSegment(container)}/${encodePath(key)}`, key]))
  const reply = await client.request({
    operation,
    method: 'POST',
    query: { 'bulk-delete': '' },
    headers: { 'Content-Type': 'text/plain', Accept: 'application/json' },
    body: Buffer.from([...paths.keys()].join('\n')),
    signal,
    // The server works on it for as long as it takes before it answers.
    timeout: 300_000,
  })
  const answer = jsonOf(reply, operation) as {
    Errors?: unknown
    'Response Status'?: unknown
    'Response Body'?: unknown
  }
  const errors = Array.isArray(answer.Errors) ? (answer.Errors as unknown[]) : []
  const byPlain = new Map([...paths].map(([path, key]) => [decodeURIComponent(path), key]))
  for (const error of errors) {
    const [name, text] = Array.isArray(error)
      ? (error as unknown[]).map(String)
      : [String(error), '']
    const key =
      paths.get(name ?? '') ?? byPlain.get(name ?? '') ?? byPlain.get(decodePath(name ?? ''))
    const status = Number.parseInt(text ?? '', 10)
    if (key === undefined || status === 404) continue
    const body = Buffer.from(text ?? '')
    failed.set(
      key,
      fromReply({
        operation,
        key,
        status: Number.isNaN(status) ? 500 : status,
        headers: reply.headers,
        body,
      }),
    )
  }
  const overall = Number.parseInt(textOf(answer['Response Status']) || '200', 10)
  if (overall >= 300 && failed.size === 0 && errors.length === 0) {
    const body = Buffer.from(textOf(answer['Response Body']))
    throw fromReply({ operation, status: overall, headers: reply.headers, body })
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Runs `work` over all items, at most `limit` at a time; rejects with the first failure. */
export async function eachParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      await work(items[index] as T, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
}
