/**
 * GET of an object or a range of it, straight into the caller's memory.
 */
import type { Key } from '../../core/types.ts'
import type { BodySink } from '../http/types.ts'
import type { GetOptions, ObjectHead, Sink } from '../store.ts'
import type { SwiftClient } from './client.ts'
import { trouble } from './errors.ts'
import { toHead } from './headers.ts'

/** Rejects `corrupt` when another range comes than was asked for. */
export async function readInto(
  client: SwiftClient,
  container: string,
  key: Key,
  options: GetOptions,
  sink: Sink,
): Promise<ObjectHead> {
  const operation = 'GetObject'
  const { range, ifMatch, signal } = options
  let head: ObjectHead | undefined
  const into: BodySink = {
    begin(status, headers, length) {
      if (status !== 200 && status !== 206) return false
      head = toHead(key, headers)
      if (range !== undefined) {
        const first = Number(/^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1] ?? 0)
        const wanted = Math.min(range.end, head.size) - range.start
        if (first !== range.start || (length !== undefined && length !== wanted)) {
          throw trouble('corrupt', operation, 'another range came than was asked for', key)
        }
      }
      sink.begin(head)
      return true
    },
    next: () => sink.next(),
    filled: count => sink.filled(count),
  }
  const reply = await client.request({
    operation,
    method: 'GET',
    container,
    key,
    headers: {
      ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` }),
      ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
    },
    sink: into,
    signal,
  })
  if (head !== undefined) return head
  // An empty body: the sink was not asked.
  const empty = toHead(key, reply.headers)
  sink.begin(empty)
  return empty
}
