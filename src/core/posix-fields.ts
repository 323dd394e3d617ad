/** Which user metadata is file attributes, and so no extended attribute. */
import { KEPT_FIELD } from './kept.ts'

/**
 * What pailfs and s3fs keep attributes in, and what makes an object a symlink. Fields of other programs that say the
 * same (`file-permissions` and the like) are shown: they are not ours to hide.
 */
const HIDDEN: ReadonlySet<string> = new Set([
  'mode',
  'uid',
  'gid',
  'mtime',
  'atime',
  'ctime',
  'rdev',
  // Ours: what new bytes would lose (kept.ts).
  KEPT_FIELD,
  // s3fs: extended attributes as JSON, shown one by one.
  'xattr',
  '--symlink-target',
  'gcsfuse_symlink_target',
  'gcsfuse-symlink-target',
  'goog-reserved-file-is-symlink',
])

/** Whether a user metadata name (lower case, no prefix) is a file attribute rather than the user's own. */
export function isPosixField(name: string): boolean {
  return HIDDEN.has(name)
}
