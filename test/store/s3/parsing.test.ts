/** Pure parts: escapes, listings, XML, heads, metadata limits. */
import fc from 'fast-check'
import t from 'tap'
import { decodeListed, encodeKey, encodeQuery } from '../../../src/store/s3/escape.ts'
import { headOf, metaFault, unquote } from '../../../src/store/s3/headers.ts'
import { listQuery, parseListing } from '../../../src/store/s3/list.ts'
import { S3_LIMITS } from '../../../src/store/s3/s3-store.ts'
import { elementText, unescapeXml } from '../../../src/store/s3/xml.ts'

t.test('a key comes back from its escape, and holds nothing a URL could misread', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), key => {
      const escaped = encodeKey(key)
      return decodeURIComponent(escaped) === key && /^[A-Za-z0-9\-._~/%]*$/.test(escaped)
    }),
  )
})

t.test('queries are sorted by escaped name', async t => {
  t.equal(encodeQuery({ b: '', 'a b': '1/2', a: 'č' }), 'a%20b=1%2F2&a=%C4%8D&b=')
})

t.test('listed names: plus is a space, broken UTF-8 does not throw', async t => {
  t.equal(decodeListed('a+b%2Bc%20d'), 'a b+c d')
  t.equal(decodeListed('x%FFy'), 'x\ufffdy')
})

t.test('XML', async t => {
  const xml =
    '<?xml version="1.0"?><E xmlns="u"><CodeX>no</CodeX><Code>A &amp; &#x41;&#66;&quot;</Code><Empty/></E>'
  t.equal(elementText(xml, 'Code'), 'A & AB"')
  t.equal(elementText(xml, 'Empty'), '')
  t.equal(elementText(xml, 'None'), undefined)
  t.equal(unescapeXml('&unknown; &#x110000;'), '&unknown; &#x110000;')
})

function listing(inner: string): string {
  return `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`
}

t.test('a listing', async t => {
  const xml = listing(
    '<Prefix>p</Prefix><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>' +
      '<NextContinuationToken>tok&amp;en</NextContinuationToken>' +
      '<Contents><Key>a%0Ab%26</Key><LastModified>2026-11-21T10:02:19.813Z</LastModified>' +
      '<ETag>&quot;abc-2&quot;</ETag><Size>11</Size><StorageClass>STANDARD</StorageClass></Contents>' +
      '<CommonPrefixes><Prefix>d%2F</Prefix></CommonPrefixes>',
  )
  t.strictSame(parseListing(xml, undefined), {
    objects: [
      {
        key: 'a\nb&',
        size: 11,
        etag: 'abc-2',
        modified: Date.parse('2026-11-21T10:02:19.813Z'),
        storageClass: 'STANDARD',
      },
    ],
    prefixes: ['d/'],
    next: 'ttok&en',
  })
  t.equal(listQuery({ prefix: '', token: 'ttok&en' })['continuation-token'], 'tok&en')
})

t.test('names are not unescaped where the server did not escape them', async t => {
  const page = parseListing(
    listing('<Contents><Key>a%20b&amp;+</Key><Size>1</Size></Contents>'),
    undefined,
  )
  t.equal(page.objects[0]?.key, 'a%20b&+')
})

t.test('a server that goes on without a token is asked after the last name', async t => {
  const xml = listing(
    '<IsTruncated>true</IsTruncated><Contents><Key>b</Key></Contents><CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>',
  )
  const { next } = parseListing(xml, undefined)
  t.equal(listQuery({ prefix: '', token: next as string })['start-after'], 'c/')
  t.throws(() => parseListing(xml, next), /where/, 'and not for ever')
  t.throws(() => parseListing('<html>', undefined), /not a listing/)
})

t.test('heads', async t => {
  t.equal(unquote('W/"x"'), 'x')
  t.equal(unquote('x'), 'x')
  const head = headOf(
    'k',
    {
      etag: 'abc',
      'last-modified': 'Sat, 21 Nov 2026 10:02:19 GMT',
      'x-amz-meta-mtime': '1',
      'content-encoding': 'aws-chunked,gzip',
      'x-amz-version-id': 'null',
    },
    5,
  )
  t.strictSame(head, {
    key: 'k',
    size: 5,
    etag: 'abc',
    modified: Date.parse('2026-11-21T10:02:19Z'),
    meta: { user: { mtime: '1' }, contentEncoding: 'gzip' },
  })
  t.strictSame(headOf('k', { 'content-encoding': 'aws-chunked' }, 0).meta, { user: {} })
})

t.test('metadata over a limit', async t => {
  t.equal(metaFault({ user: { a: 'x'.repeat(2000) } }, S3_LIMITS), undefined)
  t.ok(metaFault({ user: { a: 'x'.repeat(2049) } }, S3_LIMITS))
  t.ok(metaFault({ user: { a: 'x'.repeat(1500), b: 'x'.repeat(1500) } }, S3_LIMITS))
  t.ok(metaFault({ user: { A: 'upper case would come back lower' } }, S3_LIMITS))
})
