/** The proxy lets signed requests through unharmed, names and counts them, and breaks them as told. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { SLOW_DOWN } from './proxy-faults.ts'
import { targetOf } from './proxy-kinds.ts'
import { Proxy } from './proxy.ts'
import { freshBucket, sharedSwift, whyMissing } from './servers.ts'

t.test('requests get the names of the S3 and Swift APIs', async t => {
  const cases: [string, string, string, Record<string, string>?][] = [
    ['GET', '/', 'ListBuckets'],
    ['GET', '/bkt?list-type=2&prefix=a', 'ListObjectsV2'],
    ['GET', '/bkt/?location=', 'GetBucketLocation'],
    ['POST', '/bkt?delete=', 'DeleteObjects'],
    ['PUT', '/bkt', 'CreateBucket'],
    ['HEAD', '/bkt/', 'HeadBucket'],
    ['GET', '/bkt/k?x-id=GetObject', 'GetObject'],
    ['PUT', '/bkt/k', 'PutObject'],
    ['PUT', '/bkt/k', 'CopyObject', { 'x-amz-copy-source': 'b/k' }],
    ['PUT', '/bkt/k?acl', 'PutObjectAcl'],
    ['POST', '/bkt/k?uploads', 'CreateMultipartUpload'],
    ['PUT', '/bkt/k?partNumber=1&uploadId=u', 'UploadPart'],
    ['PUT', '/bkt/k?partNumber=1&uploadId=u', 'UploadPartCopy', { 'x-amz-copy-source': 'b/k' }],
    ['POST', '/bkt/k?uploadId=u', 'CompleteMultipartUpload'],
    ['DELETE', '/bkt/k?uploadId=u', 'AbortMultipartUpload'],
    ['GET', '/bkt/k?uploadId=u', 'ListParts'],
    ['DELETE', '/bkt/k', 'DeleteObject'],
    ['PUT', '/v1/AUTH_test/c/o/p', 'swift PUT object'],
    ['GET', '/swift/v1/AUTH_test/c?format=json', 'swift GET container'],
    ['HEAD', '/v1/AUTH_test', 'swift HEAD account'],
    ['GET', '/auth/v1.0', 'swift auth'],
  ]
  for (const [method, url, kind, headers] of cases) {
    t.equal(targetOf(method, url, headers ?? {}).kind, kind, `${method} ${url}`)
  }
  t.match(targetOf('GET', '/bkt/a%20b/c%2Fd', {}), { bucket: 'bkt', key: 'a b/c/d' })
  t.match(targetOf('GET', '/v1/AUTH_test/c/o/p', {}), { bucket: 'c', key: 'o/p' })
})

/** A server of 1000 bytes that remembers what it was asked, behind a proxy. */
async function origin(t: Test): Promise<{ proxy: Proxy; seen: string[]; hosts: string[] }> {
  const seen: string[] = []
  const hosts: string[] = []
  const server = createServer((request, reply) => {
    request.resume().on('end', () => {
      seen.push(`${request.method} ${request.url}`)
      hosts.push(request.headers.host ?? '')
      reply.setHeader('Content-Length', 1000)
      reply.end(Buffer.alloc(1000, 'x'))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await Proxy.start({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  })
  t.teardown(async () => {
    await proxy.stop()
    server.close()
  })
  return { proxy, seen, hosts }
}

t.test('faults do what they say', async t => {
  const { proxy, seen, hosts } = await origin(t)
  const get = async (): Promise<Buffer> =>
    Buffer.from(await (await fetch(`${proxy.endpoint}/bkt/k`)).arrayBuffer())

  t.equal((await get()).toString(), 'x'.repeat(1000), 'passes through')
  t.same(hosts, [`127.0.0.1:${proxy.port}`], 'Host is what the client sent')

  proxy.inject('GetObject', { do: 'status', status: 403, code: 'ExpiredToken' })
  const denied = await fetch(`${proxy.endpoint}/bkt/k`)
  t.equal(denied.status, 403)
  t.match(await denied.text(), '<Code>ExpiredToken</Code>')
  t.equal(seen.length, 1, 'the server did not hear of it')

  proxy.inject('GetObject', { do: 'reset' })
  await t.rejects(get())
  t.equal(seen.length, 1)

  proxy.inject('GetObject', { do: 'lose-reply' })
  await t.rejects(get())
  t.equal(seen.length, 2, 'done, but nobody was told')

  proxy.inject('GetObject', { do: 'truncate', bytes: 10 })
  await t.rejects(get())
  proxy.inject('GetObject', { do: 'reset', afterBytes: 500 })
  await t.rejects(get())
  t.equal(proxy.requests.at(-1)?.replyBytes, 500)

  proxy.inject('GetObject', { do: 'corrupt', at: 7 })
  const bad = await get()
  t.equal(bad.length, 1000)
  t.same([bad[6], bad[7], bad[8]], [120, 120 ^ 0xff, 120])

  proxy.inject('GetObject', { do: 'delay', ms: 150 })
  const before = performance.now()
  await get()
  t.ok(performance.now() - before >= 140)

  proxy.inject('GetObject', { do: 'stall' })
  await t.rejects(fetch(`${proxy.endpoint}/bkt/k`, { signal: AbortSignal.timeout(200) }))
  proxy.inject('GetObject', { do: 'stall', afterBytes: 5 })
  const started = await fetch(`${proxy.endpoint}/bkt/k`, { signal: AbortSignal.timeout(300) })
  t.equal(started.status, 200)
  await t.rejects(started.text())

  t.equal((await get()).length, 1000, 'and all is well again')
})

t.test('a request can be held before and after its effect', async t => {
  const { proxy, seen } = await origin(t)
  for (const [point, effects] of [
    ['before', 0],
    ['after', 1],
  ] as const) {
    const already = seen.length
    const hold = proxy.hold({ method: 'PUT', key: /^k/ }, point)
    const reply = fetch(`${proxy.endpoint}/bkt/key`, { method: 'PUT', body: 'abc' })
    t.match(await hold.arrived, { kind: 'PutObject', key: 'key' })
    await sleep(50)
    t.equal(seen.length - already, effects, point)
    hold.release()
    t.equal((await reply).status, 200)
  }
  t.equal(proxy.count('PutObject'), 2)
  t.equal(proxy.requests[0]?.requestBytes, 3)
})

t.test('a signed session with a real server', { skip: await whyMissing('swift') }, async t => {
  const server = await sharedSwift()
  const bucket = await freshBucket(server)
  const proxy = await Proxy.start(server)
  const s3 = new S3Client({
    endpoint: proxy.endpoint,
    region: server.s3.region,
    forcePathStyle: true,
    credentials: server.s3,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
  t.teardown(() => proxy.stop())
  t.teardown(() => s3.destroy())
  const body = Buffer.alloc(3_000_000, 'pail')
  proxy.inject('PutObject', SLOW_DOWN)
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'a b/ü', Body: body }))
  t.equal(proxy.count('PutObject'), 2, 'tried again after SlowDown')
  t.match(
    proxy.matching('PutObject').map(({ status, key }) => ({ status, key })),
    [
      { status: 503, key: 'a b/ü' },
      { status: 200, key: 'a b/ü' },
    ],
  )
  t.equal(proxy.requests.at(-1)?.requestBytes, body.length)
  const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'a b/ü' }))
  t.ok(body.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0)))
  await s3.send(new ListObjectsV2Command({ Bucket: bucket }))
  proxy.inject('PutObject', { do: 'corrupt-request', at: 3 })
  const put = new PutObjectCommand({
    Bucket: bucket,
    Key: 'x',
    Body: 'four',
    ContentMD5: 'xkf+ZBOb1ST+BKEYFy9WSg==',
  })
  await t.rejects(s3.send(put), 'the server sees the difference')
  await proxy.idle(50)
  t.same(proxy.counts(), { PutObject: 3, GetObject: 1, ListObjectsV2: 1 })
  const doomed = { Objects: [{ Key: 'a b/ü' }] }
  const remove = new DeleteObjectsCommand({ Bucket: bucket, Delete: doomed })
  await s3.send(remove).catch(() => undefined)
  t.match(proxy.matching('DeleteObjects')[0]?.text, /<Key>a b\/ü<\/Key>/)
})

t.test('a reply before the whole request was read does not block the connection', async t => {
  // Answers at the head, as Swift refuses a condition, and never reads the body.
  const server = createServer((request, reply) => {
    if (request.method === 'PUT') request.pause()
    reply.writeHead(request.method === 'PUT' ? 501 : 204, { Connection: 'keep-alive' }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await Proxy.start({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  })
  const socket = connect(proxy.port, '127.0.0.1')
  let said = ''
  socket.setEncoding('latin1').on('data', text => (said += String(text)))
  const size = 1 << 24
  socket.write(`PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`)
  socket.write(Buffer.alloc(size))
  socket.write('HEAD /b/k HTTP/1.1\r\nHost: x\r\n\r\n')
  for (let n = 0; n < 200 && !said.includes(' 204 '); n++) await sleep(50)
  t.match(said, / 501 [^]* 204 /)
  socket.destroy()
  await proxy.stop()
  server.closeAllConnections()
  server.close()
})
