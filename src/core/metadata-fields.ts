/**
 * The user metadata fields of every program whose objects pailfs understands, by attribute. Where several speak
 * of one attribute, the first in the list that can be parsed wins.
 *
 * Who writes them: `file-*` FSx for Lustre, DataSync, Storage Gateway; `mode`, `uid`, `gid`, `mtime` s3fs, geesefs,
 * rclone, swift and pailfs; `goog-reserved-*` gsutil; `gcsfuse_*` gcsfuse; `permissions`, `owner`, `group` s3sync;
 * `s3cmd-attrs` s3cmd.
 */
import * as formats from './metadata-formats.ts'
import type { Nanoseconds } from './types.ts'

export type User = Readonly<Record<string, string>>

/** One way to keep an attribute. */
export interface Field<T> {
  readonly name: string
  /** For a field that holds several: `name:value` pairs with `/` between (s3cmd). */
  readonly entry?: string
  parse(text: string): T | undefined
  /** Undefined where this field cannot say it. */
  format(value: T): string | undefined
}

const decimal = (mode: number) => String(mode & 0o7777)
const id = { parse: formats.parseId, format: String }
const S3CMD = 's3cmd-attrs'

export const MODE_FIELDS: readonly Field<number>[] = [
  { name: 'file-permissions', parse: formats.parseOctal, format: formats.formatOctal },
  { name: 'mode', parse: formats.parseMode, format: formats.formatMode },
  {
    name: 'goog-reserved-posix-mode',
    parse: formats.parseOctal,
    format: formats.formatPermissions,
  },
  { name: 'permissions', parse: formats.parseBaseZero, format: decimal },
  { name: S3CMD, entry: 'mode', parse: formats.parseBaseZero, format: String },
]

export const UID_FIELDS: readonly Field<number>[] = [
  { name: 'file-owner', ...id },
  { name: 'uid', ...id },
  { name: 'goog-reserved-posix-uid', ...id },
  { name: 'owner', ...id },
  { name: S3CMD, entry: 'uid', ...id },
]

export const GID_FIELDS: readonly Field<number>[] = [
  { name: 'file-group', ...id },
  { name: 'gid', ...id },
  { name: 'goog-reserved-posix-gid', ...id },
  { name: 'group', ...id },
  { name: S3CMD, entry: 'gid', ...id },
]

const rfc3339 = { parse: formats.parseRfc3339, format: formats.formatRfc3339 }
const seconds = { parse: formats.parseSeconds, format: formats.formatSeconds }

export const MTIME_FIELDS: readonly Field<Nanoseconds>[] = [
  { name: 'mtime', parse: formats.parseTime, format: formats.formatTime },
  { name: 'file-mtime', parse: formats.parseUnitTime, format: formats.formatUnitTime },
  { name: 'gcsfuse_mtime', ...rfc3339 },
  // Radosgw turns an underscore in a name into a hyphen.
  { name: 'gcsfuse-mtime', ...rfc3339 },
  { name: 'goog-reserved-file-mtime', ...seconds },
  { name: S3CMD, entry: 'mtime', ...seconds },
]

/** Symlink targets kept in metadata: geesefs (percent-escaped), gcsfuse (as it is). */
export const TARGET_FIELDS: readonly Field<string>[] = [
  { name: '--symlink-target', parse: unescaped, format: encodeURIComponent },
  { name: 'gcsfuse_symlink_target', parse: String, format: String },
  { name: 'gcsfuse-symlink-target', parse: String, format: String },
]

/** geesefs and pailfs: a device's number. */
export const RDEV_FIELDS: readonly Field<number>[] = [
  { name: 'rdev', parse: formats.parseDevice, format: String },
]

/** gcsfuse: `true` says that the body is a symlink's target. */
export const IS_SYMLINK = 'goog-reserved-file-is-symlink'

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A field's text, undefined where it is not there. */
export function textOf<T>(user: User, field: Field<T>): string | undefined {
  const text = Object.hasOwn(user, field.name) ? user[field.name] : undefined
  if (field.entry === undefined || text === undefined) return text
  return entriesOf(text).get(field.entry)
}

/** The attribute as the first field says it that can be parsed. */
export function valueOf<T>(user: User, fields: readonly Field<T>[]): T | undefined {
  for (const field of fields) {
    const text = textOf(user, field)
    const value = text === undefined ? undefined : field.parse(text.trim())
    if (value !== undefined) return value
  }
  return undefined
}

function entriesOf(text: string): Map<string, string> {
  const pairs = text.split('/').map(pair => {
    const colon = pair.indexOf(':')
    return colon < 0
      ? ([pair, ''] as const)
      : ([pair.slice(0, colon), pair.slice(colon + 1)] as const)
  })
  return new Map(pairs)
}

/** Changes one entry of a field that holds several, or takes it out; undefined when nothing is left. */
export function withEntry(
  text: string,
  entry: string,
  value: string | undefined,
): string | undefined {
  const pairs = text.split('/').flatMap(pair => {
    if (pair !== entry && !pair.startsWith(`${entry}:`)) return [pair]
    return value === undefined ? [] : [`${entry}:${value}`]
  })
  return pairs.length === 0 ? undefined : pairs.join('/')
}
