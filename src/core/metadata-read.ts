/** From an object's head to POSIX attributes, whoever wrote the object. */
import { isDirectoryType, isLinkType } from './content-type.ts'
import * as fields from './metadata-fields.ts'
import { defaultPerm, isDevice, isFileBySize, isSpecial, kindOfMode } from './posix.ts'
import type { AttributeDefaults, AttributeSource, PosixKind, ReadAttributes } from './posix.ts'
import type { ObjectMeta } from './types.ts'

/** Hadoop's s3n: a directory's marker. */
export const FOLDER = '_$folder$'

/** Reads what is there, with `defaults` and the object's own modification time for what is not. */
export function readAttributes(head: AttributeSource, defaults: AttributeDefaults): ReadAttributes {
  const { user } = head.meta
  const mode = fields.valueOf(user, fields.MODE_FIELDS)
  const target = targetOf(head)
  const kind = kindOf(head, mode, target)
  return {
    kind,
    perm: mode === undefined ? defaultPerm(kind, defaults) : mode & 0o7777,
    uid: fields.valueOf(user, fields.UID_FIELDS) ?? defaults.uid,
    gid: fields.valueOf(user, fields.GID_FIELDS) ?? defaults.gid,
    mtime:
      fields.valueOf(user, fields.MTIME_FIELDS) ?? BigInt(Math.trunc(head.modified)) * 1_000_000n,
    ...(isDevice(kind) && { rdev: fields.valueOf(user, fields.RDEV_FIELDS) ?? 0 }),
    ...(kind === 'symlink' && target !== undefined && { symlinkTarget: target }),
  }
}

/** Whether the metadata tell a file's time, so that it is not the object's own. */
export function tellsTime({ user }: ObjectMeta): boolean {
  return fields.valueOf(user, fields.MTIME_FIELDS) !== undefined
}

/** A target in metadata. svfs's field has too ordinary a name to count without its content type. */
function targetOf({ meta }: AttributeSource): string | undefined {
  const target = fields.valueOf(meta.user, fields.TARGET_FIELDS)
  if (target !== undefined && target !== '') return target
  return isLinkType(meta.contentType) ? meta.user['symlink-target'] : undefined
}

function kindOf(
  head: AttributeSource,
  mode: number | undefined,
  target: string | undefined,
): PosixKind {
  const { key, size, meta } = head
  if (key.endsWith('/')) return 'directory'
  // What has too many bytes to be anything else is shown as the file that it is.
  if (isFileBySize(size)) return 'file'
  if (target !== undefined) return 'symlink'
  const stored = mode === undefined ? undefined : kindOfMode(mode)
  const link =
    stored === 'symlink' || isLinkType(meta.contentType) || meta.user[fields.IS_SYMLINK] === 'true'
  if (link) return size > 0 ? 'symlink' : 'file'
  const marker = isDirectoryType(meta.contentType) || key.endsWith(FOLDER)
  const kind = stored ?? (marker ? 'directory' : 'file')
  // None of these has bytes: where there are some, they must stay within reach.
  return (kind === 'directory' || isSpecial(kind)) && size > 0 ? 'file' : kind
}
