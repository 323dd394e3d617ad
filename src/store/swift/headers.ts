/**
 * Object metadata and Swift's headers. Pure.
 * Swift Title-Cases the names of user metadata; here they are lower case. A POST replaces user metadata and drops
 * the system headers that are not sent again, so `postHeaders` merges what a HEAD told.
 */
import type { ObjectMeta } from '../../core/types.ts'
import type { ObjectHead } from '../store.ts'
import { trouble } from './errors.ts'
import { fromHeader } from './path.ts'

export type Headers = Readonly<Record<string, string>>

const META = 'x-object-meta-'
/** RGW shows its mark of a large object as user metadata as well. */
const RGW_MARK = 'x-object-meta-static-large-object'
/** Without a type given the server guesses one from the name; an explicit one is the same everywhere. */
const DEFAULT_TYPE = 'application/octet-stream'
/** Kept by object servers besides the type; a POST without them drops them. */
const KEPT = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-delete-at',
  'x-object-manifest',
  'x-robots-tag',
]

/** The headers of a PUT that stores `meta`. Throws `invalid` for what a header cannot carry. */
export function metaHeaders(meta: ObjectMeta): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': meta.contentType ?? DEFAULT_TYPE,
    ...(meta.cacheControl === undefined ? {} : { 'cache-control': meta.cacheControl }),
    ...(meta.contentDisposition === undefined
      ? {}
      : { 'content-disposition': meta.contentDisposition }),
    ...(meta.contentEncoding === undefined ? {} : { 'content-encoding': meta.contentEncoding }),
    ...(meta.contentLanguage === undefined ? {} : { 'content-language': meta.contentLanguage }),
  }
  for (const [name, value] of Object.entries(meta.user)) headers[META + name] = value
  for (const [name, value] of Object.entries(headers)) {
    // UTF-8 in values would pass here, but not everything on the way leaves it alone.
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
      throw trouble('invalid', 'Metadata', `${JSON.stringify(name)} cannot be in a header`)
    }
  }
  return headers
}

/** The headers of a POST: `meta` whole, and of what the HEAD told, the system's own where `meta` is silent. */
export function postHeaders(meta: ObjectMeta, head: Headers): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of KEPT) {
    const value = head[name]
    if (value !== undefined) kept[name] = value
  }
  const { 'content-type': type, ...given } = metaHeaders(meta)
  const contentType = meta.contentType === undefined ? head['content-type'] : type
  return {
    ...kept,
    ...given,
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
  }
}

/** An entity tag as a reply carries it: large objects' are quoted. */
export function stripEtag(text: string | undefined): string {
  return (text ?? '').replace(/^W\//, '').replace(/^"(.*)"$/, '$1')
}

/** What a HEAD, or the head of a GET, tells. */
export function toHead(key: string, headers: Headers): ObjectHead {
  return {
    key,
    size: sizeOf(headers),
    etag: stripEtag(headers['etag']),
    modified: modifiedOf(headers),
    meta: toMeta(headers),
    ...(headers['x-object-version-id'] === undefined
      ? {}
      : { versionId: headers['x-object-version-id'] }),
    ...(Number(headers['x-delete-at']) > 0
      ? { expiry: Number(headers['x-delete-at']) * 1000 }
      : {}),
  }
}

export function toMeta(headers: Headers): ObjectMeta {
  const user: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (lower.startsWith(META) && lower !== RGW_MARK)
      user[lower.slice(META.length)] = fromHeader(value)
  }
  const system = (name: string): string | undefined => {
    const value = headers[name]
    return value === undefined ? undefined : fromHeader(value)
  }
  const fields = {
    contentType: system('content-type'),
    cacheControl: system('cache-control'),
    contentDisposition: system('content-disposition'),
    contentEncoding: system('content-encoding'),
    contentLanguage: system('content-language'),
  }
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return { ...(Object.fromEntries(known) as Omit<ObjectMeta, 'user'>), user }
}

/** Milliseconds: X-Timestamp is finer than Last-Modified, which is rounded up to whole seconds. */
export function modifiedOf(headers: Headers): number {
  const stamp = Number(headers['x-timestamp'])
  if (Number.isFinite(stamp) && stamp > 0) return Math.floor(stamp * 1000)
  const modified = Date.parse(headers['last-modified'] ?? '')
  return Number.isNaN(modified) ? 0 : modified
}

function sizeOf(headers: Headers): number {
  const whole = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]
  const size = Number(whole ?? headers['content-length'] ?? 0)
  return Number.isSafeInteger(size) && size >= 0 ? size : 0
}

/** Whether the headers are those of a static or dynamic large object. */
export function isLarge(headers: Headers): boolean {
  return isStatic(headers) || headers['x-object-manifest'] !== undefined
}

export function isStatic(headers: Headers): boolean {
  return headers['x-static-large-object']?.toLowerCase() === 'true'
}
