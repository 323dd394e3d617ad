/** The pure formats: paths, headers, listings, names in the segments container, features, access lists. */
import fc from 'fast-check'
import t from 'tap'
import type { StoreError } from '../../../src/core/errors.ts'
import { aclHeaders, toGrants } from '../../../src/store/swift/acl.ts'
import { fromReply } from '../../../src/store/swift/errors.ts'
import { capabilitiesOf } from '../../../src/store/swift/features.ts'
import {
  metaHeaders,
  modifiedOf,
  postHeaders,
  stripEtag,
  toHead,
} from '../../../src/store/swift/headers.ts'
import { EMPTY_MD5, parseListing } from '../../../src/store/swift/listing.ts'
import * as names from '../../../src/store/swift/names.ts'
import { isNatural } from '../../../src/store/swift/ownership.ts'
import { encodePath, fromHeader, queryOf } from '../../../src/store/swift/path.ts'

function kindOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as StoreError).kind
  }
  return 'none'
}

const key = fc.string({ unit: 'grapheme', minLength: 1 })

t.test('paths', async t => {
  fc.assert(
    fc.property(key, text => {
      const path = encodePath(text)
      return (
        decodeURIComponent(path) === text && /^[\x21-\x7e]*$/.test(path) && !/[?#'()*!]/.test(path)
      )
    }),
  )
  t.equal(encodePath('a//./ü'), 'a//./%C3%BC')
  t.equal(queryOf({ a: '1&2', b: undefined, 'bulk-delete': '', c: 3 }), '?a=1%262&bulk-delete&c=3')
  t.equal(fromHeader(Buffer.from('ž日').toString('latin1')), 'ž日')
  t.equal(fromHeader('\xe9'), '\xe9', 'latin1 stays')
})

t.test('metadata', async t => {
  const meta = { contentType: 'a/b', contentEncoding: 'gzip', user: { mtime: '1.5' } }
  const headers = metaHeaders(meta)
  t.strictSame(headers, {
    'content-type': 'a/b',
    'content-encoding': 'gzip',
    'x-object-meta-mtime': '1.5',
  })
  const head = toHead('k', {
    'content-type': 'a/b',
    'content-encoding': 'gzip',
    'X-Object-Meta-Mtime': '1.5',
    'x-object-meta-static-large-object': 'True',
    etag: '"abc"',
    'content-range': 'bytes 0-1/99',
    'content-length': '2',
    'x-timestamp': '1795252728.49008',
  })
  t.strictSame(head, { key: 'k', size: 99, etag: 'abc', modified: 1795252728490, meta })
  t.equal(
    modifiedOf({ 'last-modified': 'Sat, 21 Nov 2026 09:18:49 GMT' }),
    Date.UTC(2026, 10, 21, 9, 18, 49),
  )
  t.equal(stripEtag('W/"x"'), 'x')
  const old = {
    'content-type': 'old/type',
    'content-disposition': 'inline',
    'x-delete-at': '99',
    'x-object-manifest': 'c/p/',
    'x-object-meta-gone': '1',
    etag: 'e',
  }
  t.strictSame(postHeaders({ user: { a: 'b' } }, old), {
    'content-type': 'old/type',
    'content-disposition': 'inline',
    'x-delete-at': '99',
    'x-object-manifest': 'c/p/',
    'x-object-meta-a': 'b',
  })
  t.equal(
    kindOf(() => metaHeaders({ user: { a: 'ž' } })),
    'invalid',
  )
})

t.test('listings', async t => {
  const page = parseListing([
    {
      name: 'a',
      hash: 'h',
      bytes: 1,
      content_type: 't',
      last_modified: '2026-11-21T09:18:48.647460',
    },
    { subdir: 'b/' },
    {
      name: 'slo',
      hash: 'm',
      slo_etag: '"e"',
      bytes: 9,
      last_modified: '2026-11-21T10:01:26.031Z',
    },
    { name: 'rgw-slo', hash: EMPTY_MD5, bytes: 183 },
    { name: 'empty', hash: EMPTY_MD5, bytes: 0, content_type: 'text/plain' },
    { name: 'dir', hash: EMPTY_MD5, bytes: 0, content_type: 'application/directory' },
    { name: 'dir/', hash: EMPTY_MD5, bytes: 0 },
  ])
  const modified = Date.UTC(2026, 10, 21, 9, 18, 48, 647)
  t.strictSame(page.objects[0], { key: 'a', size: 1, etag: 'h', modified, contentType: 't' })
  t.match(page.objects[1], { etag: 'e', modified: Date.UTC(2026, 10, 21, 10, 1, 26, 31) })
  t.strictSame(page.prefixes, ['b/'])
  t.strictSame(
    [[...page.manifests], [...page.large], [...page.empty]],
    [['slo'], ['rgw-slo'], ['empty']],
  )
  t.strictSame([page.count, page.last], [7, 'dir/'])
  t.throws(() => parseListing({}), TypeError)
})

t.test('names of segments', async t => {
  fc.assert(
    fc.property(key, fc.nat(), fc.nat(), (text, now, number) => {
      const id = names.newUploadId(text, now, 'abc')
      const segment = names.segmentOf(id, number % 1e8)
      return (
        names.isUploadId(id) &&
        names.uploadOfMarker(names.markerOf(id)) === id &&
        segment.length <= 1024 &&
        names.partOf(segment)?.number === number % 1e8 &&
        names.partOf(names.recordOf(id, number % 1e8))?.record === true &&
        names.isOurGroup(`c_segments/${id}`, 'c_segments')
      )
    }),
  )
  const long = 'ž'.repeat(500)
  t.ok(names.newUploadId(long, 1, 'a').length < 100)
  t.not(names.keyPart(long), names.keyPart(`${long}x`))
  t.ok(names.markerOf(names.newUploadId('dir/a', 1, 'a')).startsWith(names.markersPrefix('dir/')))
  t.ok(names.markerOf(names.newUploadId(long, 1, 'a')).startsWith(names.HASHED_MARKERS))
  t.notOk(names.isUploadId('../x'))
  t.ok(names.isSegmentsContainer('a_segments') && names.isSegmentsContainer('a+segments'))
})

t.test("others' segments belong to an object only by the names its writers give", async t => {
  const segments = {
    name: 'c_segments',
    isConventional: (each: string) => /^c[_+]segments$/.test(each),
  }
  for (const [group, owner, wanted] of [
    ['c_segments/big/slo/1700000000.123456/6291456/2097152', 'big', true],
    ['c_segments/big/1700000000.123456/6291456/2097152', 'big', true],
    ['c_segments/big/1700000000.123456789/6291456', 'big', true],
    ['c_segments/a/big/1700000000.1/62', 'a', false],
    ['c_segments/big/slo/1700000000.1/6/2', 'bi', false],
    ['c_segments/big/parts', 'big', false],
    ['c+segments/big/VXBsb2Fk', 'big', true],
    ['c+segments/big/x/VXBsb2Fk', 'big', false],
    ['other/big/1700000000.1/62', 'big', false],
  ] as const) {
    t.equal(isNatural(group, owner, segments), wanted, `${group} of ${owner}`)
  }
})

t.test('features', async t => {
  const swift = capabilitiesOf({
    swift: { max_file_size: 100, max_meta_value_length: 256 },
    slo: { max_manifest_segments: 7, min_segment_size: 1 },
    bulk_delete: { max_deletes_per_request: 10000 },
    tempurl: { allowed_digests: ['sha1', 'sha256', 'sha512'] },
  })
  t.match(swift, {
    features: { partCopy: true, deleteBatch: 1000, signedUrl: true },
    limits: { maxPut: 100, maxParts: 7 },
  })
  t.equal(swift.tempUrlDigests[0], 'sha256')
  const rgw = capabilitiesOf({
    swift: {},
    slo: { max_manifest_segments: 1000 },
    tempurl: {},
    bulk_delete: {},
  })
  t.match(rgw, {
    features: { partCopy: false },
    tempUrlDigests: ['sha1'],
    manifests: false,
    slo: true,
  })
  t.match(capabilitiesOf(undefined), {
    features: { deleteBatch: 1, signedUrl: false, partCopy: false },
  })
})

t.test('access lists', async t => {
  const read = aclHeaders('public-read', false)
  t.strictSame(toGrants(read), [
    { grantee: '.r:*', permission: 'READ' },
    { grantee: '.rlistings', permission: 'READ' },
  ])
  t.equal(
    kindOf(() => aclHeaders('public-read-write', true)),
    'unsupported',
  )
  t.equal(
    kindOf(() => aclHeaders('authenticated-read', false)),
    'unsupported',
  )
})

function error(status: number, text = '', headers = {}, operation = 'PutObject'): StoreError {
  return fromReply({ operation, key: 'k', status, headers, body: Buffer.from(text) })
}

t.test('errors', async t => {
  t.equal(error(498).kind, 'throttled')
  t.match(error(429, '', { 'retry-after': '3', 'x-trans-id': 'tx1' }).details, {
    retryAfter: 3000,
    requestId: 'tx1',
  })
  t.equal(error(413, 'Upload exceeds quota.').kind, 'quota')
  t.equal(error(413).kind, 'too-large')
  t.equal(error(503).kind, 'unavailable')
  t.equal(error(507).kind, 'quota')
  t.equal(error(422).kind, 'corrupt')
  t.equal(error(404, '', {}, 'ListContainer').kind, 'no-bucket')
  t.match(error(403, '<html><h1>Forbidden</h1></html>').message, /^PutObject "k": 403 Forbidden$/)
})
