/**
 * From POSIX attributes to user metadata.
 *
 * Own fields: `mode` (st_mode), `uid`, `gid`, `mtime`, each only where it differs from the mount's defaults. Fields
 * of other programs that are there already are corrected, so that those programs, and pailfs itself, whose reading
 * prefers some of them, see what was set. What cannot be parsed speaks of something else and stays.
 */
import * as fields from './metadata-fields.ts'
import type { Field, User } from './metadata-fields.ts'
import * as posix from './posix.ts'
import type { AttributeDefaults, PosixAttributes } from './posix.ts'

type MutableUser = Record<string, string>

/**
 * The whole user metadata of an object with `attrs`, which had `previous` before (`{}` for a new one). What is absent
 * in `attrs` is not kept. `readAttributes` of the outcome, for a key and content type that go with the kind, gives
 * `attrs` again, with `defaults` for what was absent.
 */
export function writeAttributes(
  attrs: PosixAttributes,
  defaults: AttributeDefaults,
  previous: User,
): Record<string, string> {
  const user: MutableUser = { ...previous }
  writeMode(user, attrs, defaults)
  correct(user, fields.UID_FIELDS, attrs.uid)
  own(user, 'uid', attrs.uid === defaults.uid ? undefined : attrs.uid, fields.UID_FIELDS)
  correct(user, fields.GID_FIELDS, attrs.gid)
  own(user, 'gid', attrs.gid === defaults.gid ? undefined : attrs.gid, fields.GID_FIELDS)
  correct(user, fields.MTIME_FIELDS, attrs.mtime)
  own(user, 'mtime', attrs.mtime, fields.MTIME_FIELDS)
  writeDevice(user, attrs)
  writeTarget(user, attrs)
  return user
}

function writeMode(user: MutableUser, attrs: PosixAttributes, defaults: AttributeDefaults): void {
  const { kind } = attrs
  const usual = posix.defaultPerm(kind, defaults)
  const typeNeeded = kind === 'symlink' || posix.isSpecial(kind)
  const perm = attrs.perm ?? (typeNeeded ? usual : undefined)
  const type = posix.TYPE_OF_KIND[kind]
  // A directory whose key has no slash may be known by its mode only: one that has a mode keeps it.
  const keep = typeNeeded || perm !== usual || (kind === 'directory' && user['mode'] !== undefined)
  const mode = perm === undefined ? undefined : type | perm
  correct(user, fields.MODE_FIELDS, mode)
  own(user, 'mode', keep ? mode : undefined, fields.MODE_FIELDS)
}

/** A file's field of that name is no number of ours: rclone keeps one with each file. */
function writeDevice(user: MutableUser, { kind, rdev = 0 }: PosixAttributes): void {
  if (!posix.isDevice(kind)) return
  own(user, 'rdev', rdev === 0 ? undefined : rdev, fields.RDEV_FIELDS)
}

function writeTarget(user: MutableUser, { kind, symlinkTarget }: PosixAttributes): void {
  if (kind !== 'symlink') delete user[fields.IS_SYMLINK]
  // One that says so already keeps its own way to say it, escapes and all.
  const kept =
    symlinkTarget !== undefined && fields.valueOf(user, fields.TARGET_FIELDS) === symlinkTarget
  if (kept) return
  correct(user, fields.TARGET_FIELDS, undefined)
  if (symlinkTarget === undefined || user['symlink-target'] === symlinkTarget) return
  user['--symlink-target'] = encodeURIComponent(symlinkTarget)
}

/** Makes every field that is there and speaks of this attribute say `value`, or nothing. */
function correct<T>(user: MutableUser, all: readonly Field<T>[], value: T | undefined): void {
  for (const field of all) {
    const text = fields.textOf(user, field)
    if (text === undefined || field.parse(text.trim()) === undefined) continue
    const formatted = value === undefined ? undefined : field.format(value)
    const { name, entry } = field
    const whole = entry === undefined ? formatted : fields.withEntry(user[name]!, entry, formatted)
    if (whole === undefined) delete user[name]
    else user[name] = whole
  }
}

/** Sets the field of pailfs's own, or takes it away if it speaks of this attribute. */
function own<T>(
  user: MutableUser,
  name: string,
  value: T | undefined,
  all: readonly Field<T>[],
): void {
  const field = all.find(one => one.name === name)!
  const before = user[name]
  if (value !== undefined) user[name] = field.format(value)!
  else if (before !== undefined && field.parse(before.trim()) !== undefined) delete user[name]
}

/** Checksums of the whole content that other programs keep: rclone refuses to read an object that has a wrong one. */
const CHECKSUMS = ['md5chksum', 'sha256chksum'] as const

/** The user metadata for new bytes: without what speaks of the old ones. */
export function forNewContent(previous: User): Record<string, string> {
  const user: MutableUser = { ...previous }
  for (const name of CHECKSUMS) delete user[name]
  const attrs = user['s3cmd-attrs']
  const rest = attrs === undefined ? undefined : fields.withEntry(attrs, 'md5', undefined)
  if (rest === undefined) delete user['s3cmd-attrs']
  else user['s3cmd-attrs'] = rest
  return user
}
