/**
 * The two errors of pailfs and the one table between them. A store says what happened (`kind`);
 * the table turns it into an errno name; only `fuse/` knows numbers.
 */
import type { Key, Milliseconds } from './types.ts'

export type StoreErrorKind =
  | 'not-found' // the object is not there
  | 'no-bucket' // the bucket or container is not there
  | 'denied' // the credentials do not allow it
  | 'expired' // the credentials have run out and could not be renewed
  | 'changed' // a precondition on the version failed: somebody else wrote
  | 'exists' // If-None-Match: * failed, or the bucket is there already
  | 'not-empty' // a bucket that still holds objects
  | 'throttled' // slow down; passes by itself
  | 'unavailable' // no connection, reset, 5xx; passes by itself
  | 'timeout' // no answer within the time given
  | 'corrupt' // what came is not what was announced (length, range, checksum)
  | 'too-large' // over a size limit of the server
  | 'quota' // over a quota
  | 'read-only' // the bucket can be read only
  | 'cold' // archived: to be restored before it can be read
  | 'range' // the range lies beyond the end
  | 'unsupported' // the server does not know this operation
  | 'invalid' // the server refuses the request as malformed
  | 'aborted' // cancelled by us
  | 'failed' // anything else

/** Kinds that may pass when the same request is sent again later. */
export const PASSING: ReadonlySet<StoreErrorKind> = new Set<StoreErrorKind>([
  'throttled',
  'unavailable',
  'timeout',
  'corrupt',
  'expired',
])

export interface StoreErrorDetails {
  /** What was asked, e.g. `GetObject`. */
  readonly operation: string
  readonly key?: Key
  /** The server's own code, e.g. `AccessDenied`, or the socket's, e.g. `ECONNRESET`. */
  readonly code?: string
  readonly status?: number
  readonly requestId?: string
  /** What a person can do about it. */
  readonly hint?: string
  /** How long the server asked us to wait. */
  readonly retryAfter?: Milliseconds
  readonly cause?: unknown
}

/** What every store throws, and nothing else. Its text never holds a secret or a signed URL. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly kind: StoreErrorKind
  readonly details: StoreErrorDetails

  constructor(kind: StoreErrorKind, message: string, details: StoreErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.kind = kind
    this.details = details
  }

  /** Whether the same request may succeed later. */
  get passing(): boolean {
    return PASSING.has(this.kind)
  }
}

/** The errno names pailfs answers; all exist in `os.constants.errno`. */
export type Errno =
  | 'EACCES'
  | 'EAGAIN'
  | 'EBADF'
  | 'EBUSY'
  | 'EDQUOT'
  | 'EEXIST'
  | 'EFBIG'
  | 'EILSEQ'
  | 'EINTR'
  | 'EINVAL'
  | 'EIO'
  | 'EISDIR'
  | 'ELOOP'
  | 'EMFILE'
  | 'ENAMETOOLONG'
  | 'ENODATA'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENOSYS'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'ENOTSUP'
  | 'ENXIO'
  | 'EOPNOTSUPP'
  | 'EPERM'
  | 'ERANGE'
  | 'EROFS'
  | 'ESTALE'
  | 'ETIMEDOUT'
  | 'EXDEV'
  | 'E2BIG'
  | 'EMLINK'

/** What an operation of the file system rejects with. */
export class FsError extends Error {
  override readonly name = 'FsError'
  readonly errno: Errno

  constructor(errno: Errno, message: string, cause?: unknown) {
    const text = message.startsWith(`${errno}: `) ? message : `${errno}: ${message}`
    super(text, cause === undefined ? undefined : { cause })
    this.errno = errno
  }
}

/** The kernel looks again by itself and gets another answer: no failure that a program sees. */
export class LookAgain extends FsError {
  constructor(message: string) {
    super('ESTALE', message)
  }
}

/** What a person can do about each kind, where the store knew nothing better. Total by type. */
const HINT_OF: Readonly<Record<StoreErrorKind, string>> = {
  'not-found': 'It is not in the bucket (any more).',
  'no-bucket': 'The bucket is gone, or these credentials do not see it.',
  denied: 'The credentials do not allow this: check the policy and the profile.',
  expired: 'The credentials have run out: log in again, or renew them.',
  changed: 'Somebody else wrote the object: open it again.',
  exists: 'Somebody else made it.',
  'not-empty': 'Remove what is in it first.',
  throttled: 'The server asks for fewer requests; it passes by itself.',
  unavailable: 'The server is not well or cannot be reached: check the endpoint and the network.',
  timeout: 'No answer in time: check the endpoint and the network.',
  corrupt: 'What arrived is not what was sent: a proxy or the network changes data.',
  'too-large': 'The object is over the size limit of the server.',
  quota: 'The quota is used up: delete something or ask for more.',
  'read-only': 'The bucket takes no writes now.',
  cold: 'The object is archived: restore it first.',
  range: 'The object is shorter than it was: open it again.',
  unsupported: 'The server does not have this function.',
  invalid:
    'The server finds the request malformed: a proxy between may change it, or the server has a limit.',
  aborted: 'It was cancelled.',
  failed: 'The server said something that pailfs does not know: look at its own log.',
}

/** What a person can do: the error's own hint, or that of its cause, or that of its kind. */
export function hintOf(error: StoreError): string {
  for (let at: unknown = error; at instanceof StoreError; at = at.cause) {
    if (at.details.hint !== undefined) return at.details.hint
  }
  return HINT_OF[error.kind]
}

const logged = new WeakSet<object>()

/** Notes that an error is in the log, with all that is known of it: one line for each failure. */
export function markLogged(error: StoreError): void {
  logged.add(error)
}

/** Whether it, or what it was made of, is in the log already. */
export function isLogged(error: FsError): boolean {
  return error.cause instanceof StoreError && logged.has(error.cause)
}

/** Total by type: a new kind does not compile until it has an errno. design.md, promise 8. */
export const ERRNO_OF: Readonly<Record<StoreErrorKind, Errno>> = {
  'not-found': 'ENOENT',
  'no-bucket': 'ENOENT',
  denied: 'EACCES',
  expired: 'EACCES',
  changed: 'ESTALE',
  exists: 'EEXIST',
  'not-empty': 'ENOTEMPTY',
  throttled: 'ETIMEDOUT',
  unavailable: 'ETIMEDOUT',
  timeout: 'ETIMEDOUT',
  corrupt: 'EIO',
  'too-large': 'EFBIG',
  quota: 'EDQUOT',
  'read-only': 'EROFS',
  cold: 'EACCES',
  range: 'EIO',
  unsupported: 'EOPNOTSUPP',
  invalid: 'EIO',
  aborted: 'EINTR',
  failed: 'EIO',
}

/** Any thrown thing as an FsError: a store's by the table, anything unknown as EIO with its cause kept. */
export function toFsError(error: unknown): FsError {
  if (error instanceof FsError) return error
  if (error instanceof StoreError) return new FsError(ERRNO_OF[error.kind], error.message, error)
  const message = error instanceof Error ? error.message : String(error)
  return new FsError('EIO', message, error)
}
