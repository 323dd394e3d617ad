/** An object's metadata and head on the wire: S3's headers to our words and back. Pure. */
import type { StoreErrorKind } from '../../core/errors.ts'
import { formatKept, KEPT_FIELD } from '../../core/kept.ts'
import type { CannedAcl, ETag, Key, Milliseconds, ObjectMeta } from '../../core/types.ts'
import type { HttpHeaders } from '../http/types.ts'
import type { Limits, ObjectHead } from '../store.ts'
import type { S3Options } from './options.ts'

const USER = 'x-amz-meta-'
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE = /^[\t\x20-\x7e]*$/

/** The tag without quotes and weakness mark. */
export function unquote(etag: string | undefined): ETag {
  return etag === undefined ? '' : etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1')
}

/** Last-Modified or ISO time; 0 where it cannot be read. */
export function parseTime(text: string | undefined): Milliseconds {
  const time = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(time) ? 0 : time
}

/** The head of an object from a reply to HEAD or GET. `size` is that of the whole object. */
export function headOf(key: Key, headers: HttpHeaders, size: number): ObjectHead {
  const version = headers['x-amz-version-id']
  // By a lifecycle rule: `expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", rule-id="..."`.
  const expiry = parseTime(/expiry-date="([^"]*)"/.exec(headers['x-amz-expiration'] ?? '')?.[1])
  return {
    key,
    size,
    etag: unquote(headers['etag']),
    modified: parseTime(headers['last-modified']),
    meta: metaOf(headers),
    ...(version === undefined || version === 'null' ? {} : { versionId: version }),
    ...(expiry > 0 ? { expiry } : {}),
  }
}

function metaOf(headers: HttpHeaders): ObjectMeta {
  const user: Record<string, string> = {}
  for (const name in headers) {
    if (name.startsWith(USER)) user[name.slice(USER.length)] = headers[name] as string
  }
  const meta: Record<string, unknown> = { user }
  if (user[KEPT_FIELD] !== undefined) meta['kept'] = user[KEPT_FIELD]
  else if (Number(headers['x-amz-tagging-count'] ?? 0) > 0)
    meta['kept'] = formatKept({ tags: 'some' })
  delete user[KEPT_FIELD]
  for (const [field, name] of FIELDS) {
    const value = headers[name]
    if (value !== undefined && value !== '') meta[field] = value
  }
  // A left-over of the SDKs' upload coding, not a coding of the object.
  const coding = headers['content-encoding']
    ?.replace(/(^|,)\s*aws-chunked\s*(?=,|$)/g, '')
    .replace(/^,\s*/, '')
  if (coding === '') delete meta['contentEncoding']
  else if (coding !== undefined) meta['contentEncoding'] = coding
  return meta as unknown as ObjectMeta
}

const FIELDS: readonly (readonly [Exclude<keyof ObjectMeta, 'user' | 'kept'>, string])[] = [
  ['contentType', 'content-type'],
  ['cacheControl', 'cache-control'],
  ['contentDisposition', 'content-disposition'],
  ['contentEncoding', 'content-encoding'],
  ['contentLanguage', 'content-language'],
  ['storageClass', 'x-amz-storage-class'],
]

/** User metadata as it is sent. */
function userOf({ user, kept }: ObjectMeta): Record<string, string> {
  return kept ? { ...user, [KEPT_FIELD]: kept } : { ...user }
}

/** Why metadata cannot be sent, or undefined. What a header cannot carry must never reach the wire. */
export function metaFault(meta: ObjectMeta, limits: Limits): [StoreErrorKind, string] | undefined {
  let count = 0
  let sum = 0
  for (const [name, value] of Object.entries(userOf(meta))) {
    if (!NAME.test(name))
      return ['invalid', `metadata name ${JSON.stringify(name)} is no header name`]
    if (!VALUE.test(value)) return ['invalid', `value of metadata ${name} is not plain ASCII`]
    if (name.length > limits.maxMetaName) return ['invalid', `metadata name ${name} is too long`]
    if (value.length > limits.maxMetaValue)
      return ['invalid', `value of metadata ${name} is too long`]
    sum += name.length + value.length
    count++
  }
  if (count > limits.maxMetaCount) return ['invalid', 'too many metadata values']
  if (sum > limits.maxMeta) return ['invalid', 'metadata is too large']
  for (const [field] of FIELDS) {
    if (!VALUE.test(meta[field] ?? '')) return ['invalid', `${field} is not plain ASCII`]
  }
  return undefined
}

/** Headers that a write carries for metadata, ACL, class and encryption. */
export function metaHeaders(
  meta: ObjectMeta,
  acl: CannedAcl | undefined,
  options: S3Options,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [field, name] of FIELDS) {
    const value = meta[field]
    if (value !== undefined && value !== '') headers[name] = value
  }
  for (const [name, value] of Object.entries(userOf(meta))) headers[USER + name] = value
  const canned = acl ?? options.acl
  if (canned !== undefined) headers['x-amz-acl'] = canned
  const storageClass = meta.storageClass ?? options.storageClass
  if (storageClass !== undefined) headers['x-amz-storage-class'] = storageClass
  if (options.encryption !== undefined) {
    headers['x-amz-server-side-encryption'] = options.encryption
    if (options.encryptionKey !== undefined) {
      headers['x-amz-server-side-encryption-aws-kms-key-id'] = options.encryptionKey
    }
  }
  return headers
}

/** The same for the SDK's commands. */
export function metaInput(
  meta: ObjectMeta | undefined,
  acl: CannedAcl | undefined,
  options: S3Options,
) {
  const canned = acl ?? options.acl
  const storageClass = meta?.storageClass ?? options.storageClass
  return {
    ...(meta === undefined
      ? {}
      : {
          Metadata: userOf(meta),
          ...(meta.contentType ? { ContentType: meta.contentType } : {}),
          ...(meta.cacheControl ? { CacheControl: meta.cacheControl } : {}),
          ...(meta.contentDisposition ? { ContentDisposition: meta.contentDisposition } : {}),
          ...(meta.contentEncoding ? { ContentEncoding: meta.contentEncoding } : {}),
          ...(meta.contentLanguage ? { ContentLanguage: meta.contentLanguage } : {}),
        }),
    ...(canned === undefined ? {} : { ACL: canned }),
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as 'STANDARD' }),
    ...(options.encryption === undefined
      ? {}
      : { ServerSideEncryption: options.encryption as 'AES256' }),
    ...(options.encryptionKey === undefined ? {} : { SSEKMSKeyId: options.encryptionKey }),
    ...(options.requesterPays === true ? { RequestPayer: 'requester' as const } : {}),
  }
}
