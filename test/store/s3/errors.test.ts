/** Errors: every code has the right kind, nothing secret is told, the mapping is total. */
import fc from 'fast-check'
import t from 'tap'
import { hintOf, ERRNO_OF, type StoreErrorKind } from '../../../src/core/errors.ts'
import { HttpError } from '../../../src/store/http/types.ts'
import {
  clean,
  httpFailure,
  refusalOf,
  refusalOfSdk,
  retryAfter,
} from '../../../src/store/s3/errors.ts'

const asked = { operation: 'GetObject', key: 'a/b' }
const xml = (code: string, more = ''): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said</Message><RequestId>r1</RequestId>${more}</Error>`

t.test('codes', async t => {
  const cases: [number, string, StoreErrorKind][] = [
    [404, 'NoSuchKey', 'not-found'],
    [404, 'NoSuchBucket', 'no-bucket'],
    [403, 'AccessDenied', 'denied'],
    [403, 'InvalidAccessKeyId', 'denied'],
    [403, 'SignatureDoesNotMatch', 'denied'],
    [403, 'RequestTimeTooSkewed', 'denied'],
    [400, 'ExpiredToken', 'expired'],
    [412, 'PreconditionFailed', 'changed'],
    [409, 'BucketNotEmpty', 'not-empty'],
    [409, 'BucketAlreadyOwnedByYou', 'exists'],
    [503, 'SlowDown', 'throttled'],
    [500, 'InternalError', 'unavailable'],
    [400, 'EntityTooLarge', 'too-large'],
    [403, 'QuotaExceeded', 'quota'],
    [403, 'InvalidObjectState', 'cold'],
    [416, 'InvalidRange', 'range'],
    [501, 'NotImplemented', 'unsupported'],
    [400, 'KeyTooLongError', 'invalid'],
    [400, 'SomethingNew', 'invalid'],
    [502, 'SomethingNew', 'unavailable'],
    [429, 'SomethingNew', 'throttled'],
  ]
  for (const [status, code, kind] of cases) {
    const { error } = refusalOf(asked, status, {}, xml(code))
    t.equal(error.kind, kind, code)
    t.match(error.details, { operation: 'GetObject', key: 'a/b', status, code, requestId: 'r1' })
    t.match(error.message, /GetObject "a\/b".*said/)
    const sdk = refusalOfSdk(asked, {
      name: code,
      message: 'said',
      $metadata: { httpStatusCode: status },
    })
    t.equal(sdk.error.kind, kind, `${code} by the SDK`)
  }
})

t.test('replies without a body', async t => {
  t.equal(refusalOf(asked, 404, {}, '').error.kind, 'not-found')
  t.equal(refusalOf(asked, 403, {}, '').error.kind, 'denied')
  t.equal(refusalOf(asked, 412, {}, '').error.kind, 'changed')
  const cold = { 'x-amz-storage-class': 'GLACIER' }
  t.equal(refusalOf(asked, 403, cold, '').error.kind, 'cold')
})

t.test('where the bucket is', async t => {
  t.equal(refusalOf(asked, 301, { 'x-amz-bucket-region': 'eu-west-1' }, '').region, 'eu-west-1')
  const malformed = xml('AuthorizationHeaderMalformed', '<Region>us-west-2</Region>')
  t.equal(refusalOf(asked, 400, {}, malformed).region, 'us-west-2')
})

t.test('sockets', async t => {
  const cases: [HttpError, StoreErrorKind, RegExp][] = [
    [withCode('connect', 'ECONNREFUSED'), 'unavailable', /port/],
    [withCode('connect', 'ENOTFOUND'), 'unavailable', /endpoint/],
    [withCode('connect', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'failed', /--ca-bundle/],
    [withCode('connect', 'CERT_HAS_EXPIRED'), 'failed', /--ca-bundle/],
    [withCode('reset', 'ECONNRESET'), 'unavailable', /check/],
    [new HttpError('stalled', 'x'), 'timeout', /check/],
    [new HttpError('aborted', 'x'), 'aborted', /cancelled/],
  ]
  for (const [thrown, kind, hint] of cases) {
    const error = httpFailure(asked, thrown)
    t.equal(error.kind, kind, thrown.code ?? thrown.failure)
    t.match(hintOf(error), hint)
  }
})

t.test('nothing secret', async t => {
  t.notMatch(
    clean('GET http://h/k?X-Amz-Signature=abcdef&X-Amz-Credential=AKIA/2026'),
    /abcdef|AKIA/,
  )
  t.notMatch(clean('Credential=AKIA/2026/s3, Signature=abcdef'), /AKIA|abcdef/)
  t.notMatch(clean('SessionToken: abcdef'), /abcdef/)
  const thrown = Object.assign(new Error('bad Signature=abcdef'), {
    $response: { headers: {} },
    $request: { headers: { authorization: 'abcdef' } },
  })
  const { error } = refusalOfSdk(asked, thrown)
  t.notMatch(JSON.stringify([error, error.message, error.cause, String(error.cause)]), /abcdef/)
  const body = { ...asked, headers: { x: 'abcdef' }, body: Buffer.from('abcdef') }
  t.notMatch(JSON.stringify(refusalOf(body, 500, {}, '').error), /abcdef/)
})

t.test('total', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 999 }),
      fc.string(),
      fc.string(),
      (status, code, noise) => {
        const kinds = [
          refusalOf(asked, status, {}, xml(code)).error.kind,
          refusalOf(asked, status, {}, noise).error.kind,
          refusalOfSdk(asked, new Error(noise)).error.kind,
          refusalOfSdk(asked, { name: code, $metadata: { httpStatusCode: status } }).error.kind,
        ]
        return kinds.every(kind => kind in ERRNO_OF)
      },
    ),
  )
})

t.test('Retry-After', async t => {
  const now = Date.parse('2026-11-21T10:00:00Z')
  t.equal(retryAfter('3', now), 3000)
  t.equal(retryAfter('Sat, 21 Nov 2026 10:00:05 GMT', now), 5000)
  t.equal(retryAfter('soon', now), undefined)
  t.equal(refusalOf(asked, 503, { 'retry-after': '2' }, '').error.details.retryAfter, 2000)
})

function withCode(failure: HttpError['failure'], code: string): HttpError {
  return new HttpError(failure, 'x', false, Object.assign(new Error(code), { code }))
}
