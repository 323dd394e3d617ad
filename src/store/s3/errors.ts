/**
 * What S3 servers, the SDK and sockets say went wrong, as `StoreError`. Total: anything unknown is judged by its
 * status, and without one it is `failed`. Messages hold the server's code, never a header, a query or a signature.
 */
import { StoreError, type StoreErrorKind } from '../../core/errors.ts'
import type { Key, ObjectMeta } from '../../core/types.ts'
import { connectionHint, isCertificateError } from '../http/hints.ts'
import { HttpError, type HttpHeaders } from '../http/types.ts'
import { CODE_HINTS, CODE_KINDS, statusKind } from './error-codes.ts'
import { elementText } from './xml.ts'

/** What was asked, for messages. */
export interface Asked {
  readonly operation: string
  readonly key?: Key
}

/** A server's refusal, with what it lets us learn: where the bucket is, what time it is there. */
export interface Refusal {
  readonly error: StoreError
  readonly code: string | undefined
  readonly region: string | undefined
  readonly date: string | undefined
}

/** A reply with an error status. `text` is its body. */
export function refusalOf(
  asked: Asked,
  status: number,
  headers: HttpHeaders,
  text: string,
  now = Date.now(),
): Refusal {
  const code =
    elementText(text, 'Code') ?? headers['x-minio-error-code'] ?? bareCode(status, headers)
  const details = {
    status,
    code,
    requestId: headers['x-amz-request-id'] ?? elementText(text, 'RequestId'),
    message: elementText(text, 'Message'),
    retryAfter: retryAfter(headers['retry-after'], now),
  }
  return {
    error: build(asked, details),
    code,
    region: headers['x-amz-bucket-region'] ?? elementText(text, 'Region'),
    date: headers['date'],
  }
}

/** What an SDK call threw. Errors of our own handler and StoreErrors go through as they are. */
export function refusalOfSdk(asked: Asked, thrown: unknown, now = Date.now()): Refusal {
  const none = { code: undefined, region: undefined, date: undefined }
  if (thrown instanceof StoreError) return { ...none, error: thrown }
  if (thrown instanceof HttpError) return { ...none, error: httpFailure(asked, thrown) }
  const error = thrown as SdkError
  const status = error.$metadata?.httpStatusCode
  const headers = error.$response?.headers ?? {}
  const named = error.Code ?? error.code ?? error.name
  const code =
    named === undefined || /^(Unknown|Error|NotFound)$/.test(named)
      ? bareCode(status ?? 0, headers)
      : named
  const details = {
    status,
    code,
    requestId: error.$metadata?.requestId ?? headers['x-amz-request-id'],
    message: error.message === 'UnknownError' ? undefined : error.message,
    retryAfter: retryAfter(headers['retry-after'], now),
  }
  return {
    error: build(asked, details, thrown),
    code,
    region: headers['x-amz-bucket-region'] ?? error.Region ?? error.BucketRegion,
    date: headers['date'],
  }
}

/** A request that got no complete reply. */
export function httpFailure(asked: Asked, error: HttpError): StoreError {
  const { failure: what, code } = error
  const kind = isCertificateError(code) ? 'failed' : HTTP_KINDS[what]
  const hint = connectionHint(code)
  return new StoreError(kind, `${describe(asked)}: ${error.message}`, {
    ...about(asked),
    cause: error,
    ...(code === undefined ? {} : { code }),
    ...(hint === undefined ? {} : { hint }),
  })
}

/** An error of our own making. */
export function failure(
  kind: StoreErrorKind,
  asked: Asked,
  message: string,
  hint?: string,
): StoreError {
  return new StoreError(kind, `${describe(asked)}: ${message}`, {
    ...about(asked),
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Swift's s3api fails with 500 on a metadata value over this. */
const SAFE_VALUE = 256

/**
 * A write with metadata. A 500 is tried again elsewhere for ever; where it is the server's answer to a long value,
 * seen twice in a row, it will never pass: `invalid`.
 */
export async function withLongMeta<T>(
  asked: Asked,
  meta: ObjectMeta | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const long = Object.values(meta?.user ?? {}).some(value => value.length > SAFE_VALUE)
  if (!long) return run()
  try {
    return await run()
  } catch (first) {
    if (!isServerFault(first)) throw first
  }
  try {
    return await run()
  } catch (second) {
    if (!isServerFault(second)) throw second
    const text = `the server fails on this metadata: a value is over ${SAFE_VALUE} bytes`
    throw failure('invalid', asked, text, 'Shorten the extended attributes of this file.')
  }
}

function isServerFault(error: unknown): boolean {
  return error instanceof StoreError && error.details.status === 500
}

const HTTP_KINDS: Readonly<Record<HttpError['failure'], StoreErrorKind>> = {
  aborted: 'aborted',
  connect: 'unavailable',
  'connect-timeout': 'timeout',
  reset: 'unavailable',
  stalled: 'timeout',
  protocol: 'unavailable',
  invalid: 'invalid',
  closed: 'aborted',
}

interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly Code?: string
  readonly code?: string
  readonly Region?: string
  readonly BucketRegion?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  readonly $response?: { readonly headers?: HttpHeaders }
}

interface Said {
  readonly status: number | undefined
  readonly code: string | undefined
  readonly requestId: string | undefined
  readonly message: string | undefined
  readonly retryAfter: number | undefined
}

function build(asked: Asked, said: Said, cause?: unknown): StoreError {
  const { status, code, requestId } = said
  const kind = (code === undefined ? undefined : own(CODE_KINDS, code)) ?? statusKind(status)
  const hint = own(CODE_HINTS, code ?? '')
  const words = clean(said.message ?? '').trim()
  const told = [code, status, words === code ? '' : words]
  const message = `${describe(asked)}: ${told.filter(part => part !== undefined && part !== '').join(' ')}`
  return new StoreError(kind, message, {
    ...about(asked),
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(hint === undefined ? {} : { hint }),
    ...(said.retryAfter === undefined ? {} : { retryAfter: said.retryAfter }),
    // The SDK's error objects hold request and reply with the signature in them: only their text goes on.
    ...(cause instanceof Error ? { cause: new Error(clean(cause.message)) } : {}),
  })
}

/** What was asked and no more: requests carry bodies and headers besides. */
export function about({ operation, key }: Asked): Asked {
  return key === undefined ? { operation } : { operation, key }
}

function describe(asked: Asked): string {
  return asked.key === undefined
    ? asked.operation
    : `${asked.operation} ${JSON.stringify(asked.key)}`
}

/** Queries of URLs, signatures, keys and tokens taken out of a server's words. */
export function clean(text: string): string {
  return text
    .replace(/\?[^\s"'<>]*/g, '?...')
    .replace(
      /\b([\w-]*(?:Signature|Credential|Token|Secret\w*|AccessKeyId))\b\s*[=:]\s*[^\s,;"'<>]+/gi,
      '$1=...',
    )
    .slice(0, 500)
}

/** The code of a reply without a body, as of HEAD. */
function bareCode(status: number, headers: HttpHeaders): string | undefined {
  if (status === 412) return 'PreconditionFailed'
  if (status === 301) return 'PermanentRedirect'
  if (status === 403 && headers['x-amz-storage-class'] !== undefined) return 'InvalidObjectState'
  return undefined
}

/** Retry-After in milliseconds: seconds or a date (RFC 9110). */
export function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** A table's own entry: a server may well say `constructor`. */
function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
