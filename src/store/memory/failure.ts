/** How the memory store says no: the same kinds, codes and statuses as S3. */
import { StoreError } from '../../core/errors.ts'
import type { StoreErrorKind } from '../../core/errors.ts'
import type { Key } from '../../core/types.ts'

const CODES: Partial<Record<StoreErrorKind, readonly [code: string, status: number]>> = {
  'not-found': ['NoSuchKey', 404],
  'no-bucket': ['NoSuchBucket', 404],
  denied: ['AccessDenied', 403],
  expired: ['ExpiredToken', 400],
  changed: ['PreconditionFailed', 412],
  exists: ['PreconditionFailed', 412],
  'not-empty': ['BucketNotEmpty', 409],
  throttled: ['SlowDown', 503],
  unavailable: ['ServiceUnavailable', 503],
  timeout: ['TimeoutError', 0],
  'too-large': ['EntityTooLarge', 400],
  quota: ['QuotaExceeded', 403],
  'read-only': ['MethodNotAllowed', 405],
  cold: ['InvalidObjectState', 403],
  range: ['InvalidRange', 416],
  unsupported: ['NotImplemented', 501],
  invalid: ['InvalidArgument', 400],
}

/** A StoreError as the memory store makes it. */
export function failure(
  kind: StoreErrorKind,
  operation: string,
  key: Key | undefined,
  why: string = kind,
): StoreError {
  const [code, status] = CODES[kind] ?? []
  return new StoreError(kind, `${operation} ${key ?? ''}: ${why}`, {
    operation,
    ...(key === undefined ? {} : { key }),
    ...(code === undefined ? {} : { code }),
    ...(status === undefined || status === 0 ? {} : { status }),
  })
}

/** Rejects as every call does whose signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string, key: Key): void {
  if (signal?.aborted === true) throw failure('aborted', operation, key)
}
