/** Keys of all buckets together: the bucket's name, a slash, and the key in it. And what is said of keys that are none. */
import { StoreError } from '../core/errors.ts'
import type { Key } from '../core/types.ts'
import type { CopySource } from './store.ts'

export interface Place {
  readonly bucket: string
  /** Within the bucket; '' is the bucket itself. */
  readonly inner: Key
}

export function placeOf(key: string): Place {
  const slash = key.indexOf('/')
  return slash < 0
    ? { bucket: key, inner: '' }
    : { bucket: key.slice(0, slash), inner: key.slice(slash + 1) }
}

/** Throws `unsupported` for a key that is a bucket or lies beside them. */
export function objectOf(key: Key, operation: string): Place {
  const place = placeOf(key)
  if (place.inner === '') throw notHere(operation, key)
  return place
}

/** `bucket` stands in it only if it is another one. */
export function sourceIn(from: CopySource, target: string): CopySource {
  const { bucket, inner } = objectOf(from.key, 'CopyObject')
  const { key: _, bucket: __, ...rest } = from
  return bucket === target ? { ...rest, key: inner } : { ...rest, key: inner, bucket }
}

export function isUnsupported(error: unknown): error is StoreError {
  return error instanceof StoreError && error.kind === 'unsupported'
}

export function unlessNoBucket(error: unknown): void {
  if (error instanceof StoreError && error.kind === 'no-bucket') return
  throw error
}

export function missing(operation: string, key: Key): StoreError {
  return new StoreError('not-found', `there is no bucket of that name`, { operation, key })
}

export function notHere(operation: string, key: Key): StoreError {
  return new StoreError('unsupported', 'not for a bucket itself', { operation, key })
}
