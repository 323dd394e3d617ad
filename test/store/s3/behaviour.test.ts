/** What servers do differently, one behaviour a test, against a server that answers by script. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { hintOf, type StoreError, type StoreErrorKind } from '../../../src/core/errors.ts'
import { crc32Of } from '../../../src/store/s3/checksums.ts'
import { openS3Bucket } from '../../../src/store/s3/open.ts'
import { CheckedSink, bytes, noMeta, read } from '../../conformance/support.ts'
import { ports, refusal, scripted } from './scripted-server.ts'

const kind = (of: StoreErrorKind, details = {}): Error =>
  ({ kind: of, details }) as unknown as Error
const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const LISTING = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'

const echo = (body: string) => ({ 'x-amz-checksum-crc32': crc32Of(bytes(body)) })
const reply = (status: number, contentRange: string | undefined, body: string) => ({
  status,
  headers: {
    etag: '"v"',
    ...(contentRange === undefined ? {} : { 'Content-Range': contentRange }),
  },
  body,
})

t.test('the region is found from the reply and kept', async t => {
  const { store, asked } = await scripted(t, ({ headers }) =>
    headers.authorization?.includes('/eu-north-1/') === true
      ? { body: LISTING }
      : refusal(400, 'AuthorizationHeaderMalformed', '<Region>eu-north-1</Region>'),
  )
  await store.probe('p/')
  await store.probe('p/')
  t.equal(asked.length, 3)
  t.match(asked[0]?.path, /^\/buck\?.*max-keys=1&prefix=p%2F/)
})

t.test('a HEAD that is refused without a word is asked again by GET', async t => {
  const { store, asked } = await scripted(t, ({ method, headers }) => {
    if (headers.authorization?.includes('/eu-north-1/') === true)
      return { headers: { etag: '"x"' } }
    if (method === 'HEAD') return { status: 400 }
    return refusal(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'eu-north-1' })
  })
  t.equal((await store.head('k')).etag, 'x')
  t.strictSame(
    asked.map(({ method }) => method),
    ['HEAD', 'GET', 'HEAD'],
  )
})

t.test('a HEAD that is refused once without a reason is repeated', async t => {
  let heads = 0
  const { store, asked } = await scripted(t, ({ method }) => {
    if (method !== 'HEAD') return { status: 206, headers: { 'Content-Range': 'bytes 0-0/9' } }
    return ++heads % 2 === 1 ? { status: 403 } : { headers: { etag: '"x"' } }
  })
  t.equal((await store.head('k')).etag, 'x')
  t.equal((await store.head('l')).etag, 'x')
  t.strictSame(
    asked.map(({ method }) => method),
    ['HEAD', 'GET', 'HEAD', 'HEAD', 'HEAD'],
    'the second one without being asked by GET',
  )
})

t.test('HEADs that are refused since the keys ran out all say so', async t => {
  const { store } = await scripted(t, ({ method }) =>
    method === 'HEAD' ? { status: 403 } : refusal(403, 'ExpiredToken'),
  )
  await t.rejects(store.head('k'), kind('expired'))
  await t.rejects(store.head('l'), kind('expired', { key: 'l' }))
})

t.test('a HEAD that is not allowed is denied, with a hint', async t => {
  const { store, asked } = await scripted(t, ({ method }) =>
    method === 'HEAD' ? { status: 403 } : refusal(403, 'AccessDenied'),
  )
  await t.rejects(store.head('k'), kind('denied', { hint: /s3:GetObject/ }))
  const bare = await store.head('l').catch((error: unknown) => error)
  t.match(bare, { kind: 'denied' })
  t.match(hintOf(bare as StoreError), /policy/)
  t.equal(asked.length, 3)
})

t.test('the HEAD of an empty object is refused once', async t => {
  let heads = 0
  const { store } = await scripted(t, ({ method }) => {
    if (method !== 'HEAD') return refusal(416, 'InvalidRange')
    return heads++ === 0 ? { status: 403 } : { headers: { etag: '"x"' } }
  })
  t.equal((await store.head('k')).etag, 'x')
})

t.test('a region that does not help is not followed for ever', async t => {
  let number = 0
  const { store, asked } = await scripted(t, () =>
    refusal(301, 'PermanentRedirect', `<Region>r-${number++}</Region>`),
  )
  await t.rejects(store.probe(''), { name: 'StoreError' })
  t.equal(asked.length, 2)
})

t.test('a wrong clock is put right by the Date of the reply', async t => {
  const skewed = new Date(Date.now() - 3_600_000)
  const stamp = skewed.toISOString().slice(0, 13).replace(/[-]/g, '')
  const { store, asked } = await scripted(t, ({ headers }) =>
    String(headers['x-amz-date']).startsWith(stamp)
      ? { body: LISTING }
      : refusal(403, 'RequestTimeTooSkewed', '', { Date: skewed.toUTCString() }),
  )
  await store.probe('')
  await store.listUploads('').catch(() => {})
  t.equal(asked.length, 3, 'the SDK knows it too')
  t.match(String(asked[2]?.headers['x-amz-date']), new RegExp(`^${stamp}`))
})

t.test('keys that ran out are renewed once for all requests', async t => {
  const dir = t.testdir({ count: '' })
  const script = join(dir, 'keys.sh')
  const count = join(dir, 'count')
  const body = `#!/bin/sh
echo x >> ${count}
n=$(wc -l < ${count})
echo '{"Version":1,"AccessKeyId":"key'$n'","SecretAccessKey":"s","SessionToken":"t"}'
`
  await writeFile(script, body)
  await chmod(script, 0o700)
  const config = join(dir, 'config')
  await writeFile(config, `[profile two]\ncredential_process = ${script}\nregion = eu-west-3\n`)
  const saved = { ...process.env }
  t.teardown(() => {
    process.env = saved
  })
  process.env['AWS_CONFIG_FILE'] = config
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(dir, 'none')
  const { endpoint, asked } = await scripted(t, ({ headers }) =>
    headers.authorization?.includes('Credential=key2/') === true
      ? { body: LISTING }
      : refusal(400, 'ExpiredToken'),
  )
  const store = await openS3Bucket('buck', { endpoint, profile: 'two' }, { ...ports, env: {} })
  t.teardown(() => store.close())
  await Promise.all(Array.from({ length: 8 }, () => store.probe('')))
  t.match(asked[0]?.headers.authorization, /\/eu-west-3\//, 'region of the profile')
  t.equal(asked.at(-1)?.headers['x-amz-security-token'], 't')
  t.ok(asked.length <= 16)
  await store.probe('')
  t.match(asked.at(-1)?.headers.authorization, /key2/)
})

t.test('keys given outright that ran out', async t => {
  const { store } = await scripted(t, () => refusal(400, 'ExpiredToken'))
  await t.rejects(store.probe(''), kind('expired'))
})

t.test('without a signature', async t => {
  const { store, asked } = await scripted(t, () => ({ body: LISTING }), { anonymous: true })
  await store.probe('')
  await store.getTags('k').catch(() => {})
  t.strictSame(
    asked.map(({ headers }) => headers.authorization),
    [undefined, undefined],
  )
})

t.test('a payload that must be signed is', async t => {
  const { store, asked } = await scripted(t, ({ headers, body }) =>
    headers['x-amz-content-sha256'] === 'UNSIGNED-PAYLOAD'
      ? refusal(400, 'XAmzContentSHA256Mismatch')
      : { headers: { etag: `"${md5(body)}"` } },
  )
  await store.put('a', bytes('hello'), { meta: noMeta })
  await store.put('b', bytes('hello'), { meta: noMeta })
  t.equal(asked.length, 3)
  const sha = createHash('sha256').update('hello').digest('hex')
  t.equal(asked[2]?.headers['x-amz-content-sha256'], sha)
})

t.test('checksums: echoed, ignored, wrong', async t => {
  const good = await scripted(t, ({ body }) => ({ headers: { etag: '"kms"', ...echo(body) } }))
  await good.store.put('a', bytes('one'), { meta: noMeta })
  await good.store.put('a', bytes('two'), { meta: noMeta })
  t.equal(good.asked[1]?.headers['x-amz-checksum-crc32'], crc32Of(bytes('two')))
  t.equal(good.asked[1]?.headers['content-md5'], undefined)

  const deaf = await scripted(t, ({ body }) => ({ headers: { etag: `"${md5(body)}"` } }))
  await deaf.store.put('a', bytes('one'), { meta: noMeta })
  await deaf.store.put('a', bytes('two'), { meta: noMeta })
  t.equal(deaf.asked[1]?.headers['x-amz-checksum-crc32'], undefined)
  t.equal(deaf.asked[1]?.headers['content-md5'], Buffer.from(md5('two'), 'hex').toString('base64'))

  const strange = await scripted(t, () => ({ headers: { etag: '"not its MD5"' } }))
  await strange.store.put('a', bytes('one'), { meta: noMeta })
  t.equal(strange.asked.length, 2, 'what nobody has checked is sent again')
  t.ok(strange.asked[1]?.headers['content-md5'])

  const broken = await scripted(t, () => ({ headers: { etag: '"x"', ...echo('other') } }))
  await t.rejects(broken.store.put('a', bytes('one'), { meta: noMeta }), kind('corrupt'))
})

t.test('replies that are not what was asked for', async t => {
  const range = { start: 2, end: 5 }
  const cases: [ReturnType<typeof reply>, StoreErrorKind][] = [
    [reply(206, 'bytes 3-5/9', 'abc'), 'corrupt'],
    [reply(206, 'bytes 2-5/9', 'abcd'), 'corrupt'],
    [reply(206, 'bytes 2-4/9', 'abcd'), 'corrupt'],
    [reply(206, undefined, 'abc'), 'corrupt'],
    [reply(200, undefined, 'abcdefghi'), 'corrupt'],
  ]
  for (const [answer, expected] of cases) {
    const { store } = await scripted(t, () => answer)
    const sink = new CheckedSink()
    await t.rejects(store.get('k', { range }, sink), kind(expected), JSON.stringify(answer))
    t.equal(sink.head, undefined, 'the sink hears nothing of it')
  }
  const { store } = await scripted(t, () => reply(200, undefined, 'abc'))
  await t.rejects(
    read(store, 'k', undefined, { ifMatch: 'w' }),
    kind('changed'),
    'If-Match ignored',
  )
  t.equal((await read(store, 'k', { start: 0, end: 9 })).length, 3, 'all of it was asked for')
})

t.test('a server that ignores conditions is found out, and still compared with', async t => {
  let etag = '"one"'
  const { store, asked } = await scripted(t, ({ method, body }) => {
    if (method === 'HEAD') return { headers: { etag } }
    etag = `"${md5(body)}"`
    return { headers: { etag } }
  })
  await t.rejects(store.put('a', bytes('x'), { meta: noMeta, ifMatch: 'other' }), kind('changed'))
  t.equal(asked.length, 1, 'nothing was written')
  const { etag: next } = await store.put('a', bytes('x'), { meta: noMeta, ifMatch: 'one' })
  t.equal(next, md5('x'))
  t.equal(store.features.conditionalPut, false)
  await t.rejects(store.put('a', bytes('x'), { meta: noMeta, ifMatch: 'one' }), kind('changed'))
  await t.rejects(store.put('a', bytes('x'), { meta: noMeta, ifAbsent: true }), kind('exists'))
})

t.test('conditional writes are not sent twice by the connection', async t => {
  const { store, asked } = await scripted(t, ({ method, headers }) => {
    if (method === 'HEAD') return { headers: { etag: '"one"' } }
    return headers['if-match'] === '"one"'
      ? { headers: { etag: '"two"' } }
      : refusal(412, 'PreconditionFailed')
  })
  await store.put('a', bytes('x'), { meta: noMeta, ifMatch: 'one' })
  t.equal(store.features.conditionalPut, true)
  asked.length = 0
  await store.put('a', bytes('x'), { meta: noMeta, ifMatch: 'one' })
  t.equal(asked.length, 1, 'once it is known, one request')
})

t.test('no bulk delete', async t => {
  const { store, asked } = await scripted(t, ({ method }) =>
    method === 'POST' ? refusal(501, 'NotImplemented') : { status: 204 },
  )
  t.equal((await store.deleteMany(['a', 'b', 'c\u0001'])).size, 0)
  t.equal(store.features.deleteBatch, 1)
  t.strictSame(asked.map(({ method }) => method).sort(), ['DELETE', 'DELETE', 'DELETE', 'POST'])
  t.ok(asked[0]?.headers['content-md5'])
  t.equal(asked[1]?.headers['content-length'], '0')
})

t.test('what bulk delete could not delete', async t => {
  const { store } = await scripted(t, () => ({
    body: '<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>',
  }))
  const failed = await store.deleteMany(['a', 'b'])
  t.strictSame(
    [...failed].map(([key, error]) => [key, error.kind]),
    [['b', 'denied']],
  )
})

t.test('copies over the limit of the server go in parts', async t => {
  const size = 12 * 1024 * 1024
  const ranges: string[] = []
  const { store } = await scripted(
    t,
    ({ method, path, headers, body }) => {
      if (method === 'HEAD')
        return { headers: { etag: '"src"', 'Content-Length': String(size), 'x-amz-meta-a': '1' } }
      if (path.endsWith('?uploads=') || path.endsWith('?uploads')) {
        t.equal(headers['x-amz-meta-a'], '1', 'metadata of the source')
        return {
          body: '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
        }
      }
      if (path.includes('partNumber')) {
        ranges.push(String(headers['x-amz-copy-source-range']))
        return { body: '<CopyPartResult><ETag>"p"</ETag></CopyPartResult>' }
      }
      if (method === 'PUT') return refusal(400, 'EntityTooLarge')
      t.equal(body.match(/<Part>/g)?.length, 3)
      return {
        body: '<CompleteMultipartUploadResult><ETag>"done-3"</ETag></CompleteMultipartUploadResult>',
      }
    },
    { copyPart: 5 * 1024 * 1024 },
  )
  const stored = await store.copy({ key: 'src', size }, 'dst', {})
  t.match(stored, { etag: 'done-3', size })
  t.strictSame(ranges.sort(), [
    'bytes=0-5242879',
    'bytes=10485760-12582911',
    'bytes=5242880-10485759',
  ])
})

t.test('a body that breaks off: what was told is good, the rest never came', async t => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nETag: "v"\r\nContent-Length: 100000\r\n\r\n')
      socket.write(Buffer.alloc(40_000, 'x'), () => socket.destroySoon())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { accessKeyId: 'k', secretAccessKey: 's' }
  const store = await openS3Bucket('b', { endpoint, credentials }, { ...ports, env: {} })
  t.teardown(() => {
    store.close()
    server.close()
  })
  const sink = new CheckedSink(3000)
  await t.rejects(store.get('k', {}, sink), kind('unavailable'))
  t.equal(sink.head?.size, 100_000)
  t.equal(Buffer.from(sink.bytes).toString(), 'x'.repeat(40_000))
  t.strictSame(sink.faults, [])
})

t.test('a server that always fails on long metadata', async t => {
  const { store, asked } = await scripted(t, ({ headers }) =>
    String(headers['x-amz-meta-a']).length > 256
      ? refusal(500, 'InternalError')
      : { headers: { etag: `"${md5('x')}"` } },
  )
  const long = { user: { a: 'x'.repeat(300) } }
  await t.rejects(store.put('k', bytes('x'), { meta: long }), kind('invalid'))
  t.equal(asked.length, 2)
  await store.put('k', bytes('x'), { meta: { user: { a: 'short' } } })
})

t.test('no server', async t => {
  const credentials = { accessKeyId: 'k', secretAccessKey: 's' }
  const store = await openS3Bucket(
    'b',
    { endpoint: 'http://127.0.0.1:1', credentials },
    { ...ports, env: {} },
  )
  t.teardown(() => store.close())
  await t.rejects(store.probe(''), {
    kind: 'unavailable',
    details: { code: 'ECONNREFUSED' },
  } as unknown as Error)
  await t.rejects(store.getTags('k'), {
    kind: 'unavailable',
    details: { code: 'ECONNREFUSED' },
  } as unknown as Error)
})

t.test('addresses', async t => {
  const { store, endpoint } = await scripted(t, () => ({}))
  t.equal(store.url('a b/č'), `${endpoint}/buck/a%20b/%C4%8D`)
  const signed = new URL(await store.signedUrl('k', 60_000))
  t.equal(signed.searchParams.get('X-Amz-Expires'), '60')
  const amazon = await openS3Bucket(
    'some.bucket',
    { region: 'eu-west-1', credentials: { accessKeyId: 'k', secretAccessKey: 's' } },
    { ...ports, env: {} },
  )
  t.teardown(() => amazon.close())
  t.equal(amazon.url('k'), 'https://s3.eu-west-1.amazonaws.com/some.bucket/k')
  const plain = await openS3Bucket(
    'somebucket',
    { credentials: { accessKeyId: 'k', secretAccessKey: 's' } },
    { ...ports, env: { AWS_REGION: 'ap-south-1' } },
  )
  t.teardown(() => plain.close())
  t.equal(plain.url('k'), 'https://somebucket.s3.ap-south-1.amazonaws.com/k')
})
