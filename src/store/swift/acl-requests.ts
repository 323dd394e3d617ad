/** A container's access list, read and set; its segments container goes along. */
import type { CannedAcl } from '../../core/types.ts'
import type { Grant } from '../store.ts'
import { aclHeaders, toGrants } from './acl.ts'
import type { SwiftClient } from './client.ts'
import { segmentsContainer } from './names.ts'

export async function readAcl(client: SwiftClient, container: string): Promise<readonly Grant[]> {
  const reply = await client.request({ operation: 'GetContainerAcl', method: 'HEAD', container })
  return toGrants(reply.headers)
}

/** Rejects `unsupported` for what Swift cannot express. */
export async function writeAcl(
  client: SwiftClient,
  container: string,
  acl: CannedAcl,
): Promise<void> {
  const { keystone } = client.session
  const operation = 'SetContainerAcl'
  const headers = aclHeaders(acl, keystone)
  await client.request({ operation, method: 'POST', container, headers })
  // Readers of large objects need their segments as well.
  await client.request({
    operation,
    method: 'POST',
    container: segmentsContainer(container),
    headers: aclHeaders(acl === 'public-read' ? acl : 'private', keystone),
    accept: [400, 404],
  })
}
