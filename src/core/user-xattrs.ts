/**
 * The extended attributes of an object: its user metadata but for file attributes, and what s3fs keeps in its one
 * header `xattr` (percent-encoded JSON, name to base64). Names are without `user.`; a record of user metadata is
 * never changed, each change gives a new one.
 */
import { isPosixField } from './posix-fields.ts'
import { fromHeader, nameFromHeader, toHeader } from './xattr-name.ts'

type User = Readonly<Record<string, string>>

const S3FS = 'xattr'
const PREFIX = 'user.'

/** s3fs's own map, names as it has them (`user.a`, `system.posix_acl_access`); empty where there is none. */
function s3fsMap(user: User): Map<string, string> {
  const header = user[S3FS]
  if (header === undefined) return new Map()
  try {
    const map: unknown = JSON.parse(decodeURIComponent(header))
    if (typeof map !== 'object' || map === null) return new Map()
    return new Map(
      Object.entries(map).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    )
  } catch {
    return new Map()
  }
}

function withS3fsMap(user: User, map: ReadonlyMap<string, string>): Record<string, string> {
  const { [S3FS]: _, ...rest } = user
  if (map.size === 0) return rest
  return { ...rest, [S3FS]: encodeURIComponent(JSON.stringify(Object.fromEntries(map))) }
}

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), character => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

/** All attributes of an object. Where s3fs's header and one of its own have the same name, s3fs's counts. */
export function xattrsOf(user: User): Map<string, Uint8Array> {
  const all = new Map<string, Uint8Array>()
  for (const [header, text] of Object.entries(user)) {
    if (isPosixField(header)) continue
    const { name, value } = fromHeader(header, text)
    all.set(name, value)
  }
  for (const [name, text] of s3fsMap(user)) {
    const value = fromBase64(text)
    if (name.startsWith(PREFIX) && value !== undefined) all.set(name.slice(PREFIX.length), value)
  }
  return all
}

/** User metadata with one attribute set. A header that has the name already, in whatever form, keeps its own name. */
export function withXattr(user: User, name: string, value: Uint8Array): Record<string, string> {
  const header = toHeader(name, value)
  const there = headersOf(user, name)[0]
  return { ...withoutXattr(user, name), [there ?? header.name]: header.value }
}

/** User metadata without one attribute; that it was not there is fine. */
export function withoutXattr(user: User, name: string): Record<string, string> {
  const rest: Record<string, string> = { ...user }
  for (const header of headersOf(user, name)) delete rest[header]
  const map = s3fsMap(user)
  return map.delete(PREFIX + name) ? withS3fsMap(rest, map) : rest
}

function headersOf(user: User, name: string): string[] {
  return Object.keys(user).filter(
    header => !isPosixField(header) && nameFromHeader(header) === name,
  )
}

/** What a server's limits on user metadata are compared with, in bytes. */
export interface MetaSize {
  readonly total: number
  readonly longestName: number
  readonly longestValue: number
  readonly count: number
}

/** The limits that matter here; a store's `Limits` has them. */
export interface MetaLimits {
  readonly maxMeta: number
  readonly maxMetaName: number
  readonly maxMetaValue: number
  readonly maxMetaCount: number
}

/** How much user metadata there is. */
export function metaSize(user: User): MetaSize {
  const size = { total: 0, longestName: 0, longestValue: 0, count: 0 }
  for (const [name, value] of Object.entries(user)) {
    size.total += name.length + value.length
    size.longestName = Math.max(size.longestName, name.length)
    size.longestValue = Math.max(size.longestValue, value.length)
    size.count++
  }
  return size
}

/** Whether a server with these limits takes it. */
export function metaFits(user: User, limits: MetaLimits): boolean {
  const size = metaSize(user)
  return (
    size.total <= limits.maxMeta &&
    size.longestName <= limits.maxMetaName &&
    size.longestValue <= limits.maxMetaValue &&
    size.count <= limits.maxMetaCount
  )
}
