/**
 * Whether If-None-Match is enforced on a PUT, found without storing anything: Swift refuses any other value than `*`
 * with 400 before it looks at the body; a server that ignores the header finds the checksum to be wrong, 422.
 */
import type { SwiftClient } from './client.ts'
import { EMPTY_MD5 } from './listing.ts'

/** False also where writing is not allowed. */
export async function probeExclusive(
  client: SwiftClient,
  container: string,
  prefix: string,
): Promise<boolean> {
  const reply = await client.request({
    operation: 'Probe',
    method: 'PUT',
    container,
    key: `${prefix}.pailfs-probe`,
    headers: { 'if-none-match': '"x"', etag: EMPTY_MD5, 'content-type': 'text/plain' },
    body: Buffer.from('probe'),
    accept: [400, 401, 403, 404, 409, 412, 413, 422, 507],
  })
  return reply.status === 400 && /If-None-Match/i.test(Buffer.from(reply.body).toString('utf8'))
}
