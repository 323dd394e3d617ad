/** When setuid and setgid go: Linux takes them off what somebody writes to, truncates or gives away, no directory. */
import type { Attr, AttrChange } from '../../fs/api.ts'

const SETUID = 0o4000
const SETGID = 0o2000
const GROUP_EXECUTE = 0o010

/** The change that takes them off; nothing where there is nothing to take. Setgid without group execute stays. */
export function withoutSetId({ kind, perm }: Attr): AttrChange {
  if (kind === 'directory') return {}
  const drop = SETUID | ((perm & GROUP_EXECUTE) !== 0 ? SETGID : 0)
  return (perm & drop) === 0 ? {} : { perm: perm & ~drop }
}
