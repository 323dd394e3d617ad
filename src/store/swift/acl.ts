/**
 * Container access lists and the canned rules. Pure.
 * Objects have none of their own: what a container grants holds for all in it.
 * https://docs.openstack.org/swift/latest/overview_acl.html
 */
import type { CannedAcl } from '../../core/types.ts'
import type { Grant } from '../store.ts'
import { trouble } from './errors.ts'
import type { Headers } from './headers.ts'

const READ = 'x-container-read'
const WRITE = 'x-container-write'

export function toGrants(headers: Headers): Grant[] {
  const of = (name: string, permission: string): Grant[] =>
    (headers[name] ?? '')
      .split(',')
      .map(each => each.trim())
      .filter(each => each !== '')
      .map(grantee => ({ grantee, permission }))
  return [...of(READ, 'READ'), ...of(WRITE, 'WRITE')]
}

/** The headers of the POST. Throws `unsupported` for what Swift cannot express. `keystone`: `*:*` is understood. */
export function aclHeaders(acl: CannedAcl, keystone: boolean): Record<string, string> {
  if (acl === 'private') return { [READ]: '', [WRITE]: '' }
  if (acl === 'public-read') return { [READ]: '.r:*,.rlistings', [WRITE]: '' }
  if (acl === 'authenticated-read' && keystone) return { [READ]: '*:*', [WRITE]: '' }
  const reason =
    acl === 'public-read-write'
      ? 'Swift lets nobody write without a token'
      : 'this authentication has no word for all users'
  throw trouble('unsupported', 'SetAcl', `${acl}: ${reason}`)
}
