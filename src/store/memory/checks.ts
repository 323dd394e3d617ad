/** What S3 refuses as malformed: names and metadata over the limits. */
import type { Key, ObjectMeta } from '../../core/types.ts'
import type { Limits } from '../store.ts'
import { failure } from './failure.ts'

/** What a header can carry. */
const HEADER = /^[\t\x20-\x7e]*$/

const encoder = new TextEncoder()

/** Throws `invalid` for an empty key or one over the limit in UTF-8 bytes. */
export function checkKey(key: Key, limits: Limits, operation: string): void {
  if (key === '') throw failure('invalid', operation, key, 'empty key')
  // A UTF-16 unit is at most three bytes: short names need no encoding to be known as fine.
  if (key.length * 3 > limits.maxKey && encoder.encode(key).length > limits.maxKey) {
    throw failure('invalid', operation, key, 'KeyTooLongError')
  }
}

/** Throws `invalid` for user metadata over the limits, or that a header cannot carry. */
export function checkMeta(key: Key, meta: ObjectMeta, limits: Limits, operation: string): void {
  const { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage } = meta
  for (const value of [
    contentType,
    cacheControl,
    contentDisposition,
    contentEncoding,
    contentLanguage,
  ]) {
    if (value !== undefined && !HEADER.test(value))
      throw failure('invalid', operation, key, 'header')
  }
  let count = 0
  let total = 0
  for (const [name, value] of Object.entries(meta.user)) {
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || !HEADER.test(value)) {
      throw failure('invalid', operation, key, `metadata ${JSON.stringify(name)}`)
    }
    if (name.length > limits.maxMetaName || value.length > limits.maxMetaValue) {
      throw failure('invalid', operation, key, 'MetadataTooLarge')
    }
    count++
    total += name.length + value.length
  }
  if (count > limits.maxMetaCount || total > limits.maxMeta) {
    throw failure('invalid', operation, key, 'MetadataTooLarge')
  }
}
