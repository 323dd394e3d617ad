/**
 * What Swift answers, as StoreErrors. The status decides; the operation refines it.
 * Neither tokens nor signed addresses get into a text: only the operation, the key and the server's own words.
 */
import { StoreError, type StoreErrorKind } from '../../core/errors.ts'
import type { Key } from '../../core/types.ts'
import { connectionHint, isCertificateError } from '../http/hints.ts'
import { HttpError, type HttpFailure, type HttpHeaders } from '../http/types.ts'

export interface Failure {
  readonly operation: string
  /** Named where no key is. */
  readonly container?: string | undefined
  readonly key?: Key | undefined
  readonly status: number
  readonly headers: HttpHeaders
  readonly body: Uint8Array
}

const KINDS: Readonly<Record<number, StoreErrorKind>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  405: 'unsupported',
  408: 'timeout',
  409: 'failed',
  411: 'invalid',
  412: 'changed',
  413: 'too-large',
  416: 'range',
  422: 'corrupt',
  429: 'throttled',
  498: 'throttled',
  501: 'unsupported',
  507: 'quota',
}

const HINTS: Partial<Record<StoreErrorKind, string>> = {
  denied:
    'Check that the user may read and write this container (X-Container-Read, X-Container-Write, roles).',
  quota: 'The container or account quota is reached: delete something or have the quota raised.',
  throttled: 'The server limits requests; pailfs slows down by itself.',
}

/** A reply of an unwanted status as a StoreError. */
export function fromReply(failure: Failure): StoreError {
  const { operation, key, status, headers } = failure
  const text = reasonOf(failure.body)
  const kind = kindOf(failure, text)
  const retryAfter = Number(headers['retry-after'])
  const requestId = headers['x-trans-id'] ?? headers['x-openstack-request-id']
  const hint = HINTS[kind]
  const said = /"message"\s*:\s*"([^"\\]+)"/.exec(text)?.[1]
  const code = /"Code"\s*:\s*"(\w+)"/.exec(text)?.[1]
  return new StoreError(
    kind,
    `${operation}${named(key ?? failure.container)}: ${status} ${said ?? text}`.trimEnd(),
    {
      operation,
      status,
      ...(key === undefined ? {} : { key }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(hint === undefined ? {} : { hint }),
      ...(code === undefined ? {} : { code }),
      ...(Number.isFinite(retryAfter) && retryAfter > 0 ? { retryAfter: retryAfter * 1000 } : {}),
    },
  )
}

function kindOf({ operation, status }: Failure, text: string): StoreErrorKind {
  if (status === 404 && /Container|Bucket/.test(operation)) return 'no-bucket'
  if (status === 409 && operation === 'CreateContainer') return 'exists'
  if (status === 404 && /NoSuchBucket/.test(text)) return 'no-bucket'
  // Quota middlewares answer 413 "Upload exceeds quota."
  if (status === 413 && /quota/i.test(text)) return 'quota'
  if (status === 403 && /QuotaExceeded/.test(text)) return 'quota'
  if (status >= 500 && KINDS[status] === undefined) return 'unavailable'
  return KINDS[status] ?? 'failed'
}

/** The server's words without its markup, shortened. */
function reasonOf(body: Uint8Array): string {
  const text = Buffer.from(body.subarray(0, 4096)).toString('utf8')
  return text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
}

const FAILURES: Readonly<Record<HttpFailure, StoreErrorKind>> = {
  aborted: 'aborted',
  connect: 'unavailable',
  'connect-timeout': 'timeout',
  reset: 'unavailable',
  stalled: 'timeout',
  protocol: 'corrupt',
  invalid: 'invalid',
  closed: 'aborted',
}

/** Whatever the HTTP client or a sink threw, as a StoreError. */
export function fromThrown(error: unknown, operation: string, key: Key | undefined): StoreError {
  if (error instanceof StoreError) return error
  const details = { operation, cause: error, ...(key === undefined ? {} : { key }) }
  if (error instanceof HttpError) {
    const { code, failure } = error
    const kind = isCertificateError(code) ? 'failed' : FAILURES[failure]
    const hint = connectionHint(code) ?? HINTS[kind]
    return new StoreError(kind, `${operation}${named(key)}: ${error.message}`, {
      ...details,
      ...(code === undefined ? {} : { code }),
      ...(hint === undefined ? {} : { hint }),
    })
  }
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError('failed', `${operation}${named(key)}: ${message}`, details)
}

/** An error of our own making, not of a reply's. */
export function trouble(
  kind: StoreErrorKind,
  operation: string,
  text: string,
  key?: Key,
): StoreError {
  return new StoreError(kind, `${operation}${named(key)}: ${text}`, {
    operation,
    ...(key === undefined ? {} : { key }),
  })
}

function named(key: Key | undefined): string {
  return key === undefined ? '' : ` ${JSON.stringify(key)}`
}
