/**
 * Bytes, objects and quotas of a container or an account, from the headers of a HEAD.
 */
import type { Usage } from '../store.ts'
import type { SwiftClient } from './client.ts'
import type { Headers } from './headers.ts'

/** The segments' bytes are counted in: they are what large objects take. */
export async function containerUsage(
  client: SwiftClient,
  container: string,
  segments: string,
): Promise<Usage> {
  const head = (
    name: string,
    accept: readonly number[],
  ): Promise<{ headers: Headers; status: number }> =>
    client.request({ operation: 'HeadContainer', method: 'HEAD', container: name, accept })
  const [own, extra] = await Promise.all([head(container, []), head(segments, [400, 403, 404])])
  const bytes = count(own.headers, 'x-container-bytes-used') ?? 0
  const more = extra.status < 300 ? (count(extra.headers, 'x-container-bytes-used') ?? 0) : 0
  const quota = count(own.headers, 'x-container-meta-quota-bytes')
  return {
    bytes: bytes + more,
    objects: count(own.headers, 'x-container-object-count') ?? 0,
    ...(quota === undefined ? {} : { quota }),
  }
}

export async function accountUsage(client: SwiftClient): Promise<Usage> {
  const { headers } = await client.request({ operation: 'HeadAccount', method: 'HEAD' })
  const quota = count(headers, 'x-account-meta-quota-bytes')
  return {
    bytes: count(headers, 'x-account-bytes-used') ?? 0,
    objects: count(headers, 'x-account-object-count') ?? 0,
    ...(quota === undefined ? {} : { quota }),
  }
}

function count(headers: Headers, name: string): number | undefined {
  const value = Number(headers[name])
  return headers[name] === undefined || !Number.isSafeInteger(value) || value < 0
    ? undefined
    : value
}
