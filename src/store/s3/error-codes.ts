/** The codes of S3 servers and sockets: what kind each is and what a person can do. Data only. */
import type { StoreErrorKind } from '../../core/errors.ts'

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and those of Ceph, Swift, MinIO and R2. */
export const CODE_KINDS: Readonly<Record<string, StoreErrorKind>> = {
  NoSuchKey: 'not-found',
  NoSuchVersion: 'not-found',
  NoSuchUpload: 'not-found',
  NoSuchBucket: 'no-bucket',
  AccessDenied: 'denied',
  AllAccessDisabled: 'denied',
  AccountProblem: 'denied',
  Forbidden: 'denied',
  InvalidAccessKeyId: 'denied',
  InvalidSecurity: 'denied',
  NotSignedUp: 'denied',
  RequestTimeTooSkewed: 'denied',
  SignatureDoesNotMatch: 'denied',
  XAdminUserNotFound: 'denied',
  CredentialsProviderError: 'denied',
  ExpiredToken: 'expired',
  ExpiredTokenException: 'expired',
  InvalidToken: 'expired',
  TokenRefreshRequired: 'expired',
  PreconditionFailed: 'changed',
  BucketAlreadyExists: 'exists',
  BucketAlreadyOwnedByYou: 'exists',
  BucketNotEmpty: 'not-empty',
  Busy: 'throttled',
  EC2ThrottledException: 'throttled',
  RequestLimitExceeded: 'throttled',
  RequestThrottled: 'throttled',
  SlowDown: 'throttled',
  SlowDownRead: 'throttled',
  SlowDownWrite: 'throttled',
  ServiceUnavailable: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  TooManyRequests: 'throttled',
  ConditionalRequestConflict: 'unavailable',
  ConcurrentModification: 'unavailable',
  InternalError: 'unavailable',
  OperationAborted: 'unavailable',
  RequestTimeout: 'timeout',
  BadDigest: 'corrupt',
  IncompleteBody: 'corrupt',
  XAmzContentChecksumMismatch: 'corrupt',
  XAmzContentSHA256Mismatch: 'corrupt',
  EntityTooLarge: 'too-large',
  InsufficientCapacity: 'quota',
  QuotaExceeded: 'quota',
  StorageFull: 'quota',
  XMinioStorageFull: 'quota',
  TooManyBuckets: 'quota',
  InvalidObjectState: 'cold',
  InvalidRange: 'range',
  AccessControlListNotSupported: 'unsupported',
  MethodNotAllowed: 'unsupported',
  NotImplemented: 'unsupported',
  InvalidBucketName: 'invalid',
  InvalidObjectName: 'invalid',
  KeyTooLongError: 'invalid',
  MetadataTooLarge: 'invalid',
  ReadOnly: 'read-only',
}

/** By status, for codes not known and for replies without a body. Total. */
export function statusKind(status: number | undefined): StoreErrorKind {
  if (status === undefined) return 'failed'
  const known = STATUS_KINDS[status]
  if (known !== undefined) return known
  if (status >= 500) return 'unavailable'
  return status >= 400 ? 'invalid' : 'failed'
}

const STATUS_KINDS: Readonly<Record<number, StoreErrorKind>> = {
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  405: 'unsupported',
  408: 'timeout',
  409: 'unavailable',
  412: 'changed',
  413: 'too-large',
  416: 'range',
  429: 'throttled',
  498: 'throttled',
  501: 'unsupported',
  503: 'throttled',
  507: 'quota',
}

/** What a person can do, by code. */
export const CODE_HINTS: Readonly<Record<string, string>> = {
  AccessDenied:
    'Ask for s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on this bucket and prefix.',
  InvalidAccessKeyId:
    'The server does not know this access key: check the profile and the endpoint.',
  SignatureDoesNotMatch:
    'The secret key does not belong to the access key, or a proxy changes requests.',
  RequestTimeTooSkewed: "This machine's clock differs from the server's: set it, by NTP.",
  ExpiredToken: 'The credentials have run out: log in again (aws sso login), or renew the session.',
  InvalidToken: 'The session token is not good here: log in again.',
  CredentialsProviderError:
    'No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give --profile, or --no-sign-request for a public bucket.',
  NoSuchBucket: 'Check the bucket name and the endpoint, or create the bucket first.',
  NoSuchUpload: 'The unfinished upload is gone: it was completed, aborted or expired by a rule.',
  PermanentRedirect: 'The bucket is in another region: set it.',
  AuthorizationHeaderMalformed: 'The region is wrong: set that of the bucket.',
  EntityTooLarge: 'The object is over the size limit of the server.',
  EntityTooSmall: 'A part other than the last is under the size limit of the server.',
  InvalidObjectState: 'The object is archived: restore it first (aws s3api restore-object).',
  AccessControlListNotSupported: 'ACLs are switched off for this bucket (bucket owner enforced).',
  InvalidBucketName: 'Bucket names are 3 to 63 lower case letters, digits, dots and hyphens.',
}
