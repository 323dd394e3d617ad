/** Canned access rules as grants, in S3's words. */
import type { CannedAcl } from '../../core/types.ts'
import type { Grant } from '../store.ts'

const ALL_USERS = 'group http://acs.amazonaws.com/groups/global/AllUsers'
const SIGNED_IN = 'group http://acs.amazonaws.com/groups/global/AuthenticatedUsers'
const OWNER: Grant = { grantee: 'user owner', permission: 'FULL_CONTROL' }

const GRANTS: Readonly<Record<CannedAcl, readonly Grant[]>> = {
  private: [OWNER],
  'public-read': [OWNER, { grantee: ALL_USERS, permission: 'READ' }],
  'public-read-write': [
    OWNER,
    { grantee: ALL_USERS, permission: 'READ' },
    { grantee: ALL_USERS, permission: 'WRITE' },
  ],
  'authenticated-read': [OWNER, { grantee: SIGNED_IN, permission: 'READ' }],
}

/** The grants that a canned rule stands for. */
export function grantsOf(acl: CannedAcl): readonly Grant[] {
  return GRANTS[acl]
}
