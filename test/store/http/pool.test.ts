/** The pool against small servers that behave well and badly. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { HttpPool } from '../../../src/store/http/pool.ts'
import type { BodySink, HttpPoolOptions } from '../../../src/store/http/types.ts'

type Handler = (request: string, socket: net.Socket, connection: number) => void

/** A server that calls `handler` for each complete request (head, and body by Content-Length). */
async function serve(t: Test, handler: Handler, options: Partial<HttpPoolOptions> = {}) {
  let connections = 0
  const sockets = new Set<net.Socket>()
  const onSocket = (socket: net.Socket): void => {
    const number = ++connections
    sockets.add(socket)
    let held = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', data => {
      held = Buffer.concat([held, data])
      for (;;) {
        const end = held.indexOf('\r\n\r\n')
        if (end < 0) return
        const length = Number(
          /content-length: (\d+)/i.exec(held.toString('latin1', 0, end))?.[1] ?? 0,
        )
        if (held.length < end + 4 + length) return
        const request = held.toString('latin1', 0, end + 4 + length)
        held = held.subarray(end + 4 + length)
        handler(request, socket, number)
      }
    })
  }
  const server = net.createServer(onSocket).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const pool = new HttpPool({ host: '127.0.0.1', port, timeout: 2000, ...options })
  t.teardown(() => {
    pool.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { pool, port, connections: () => connections }
}
/** What t.rejects compares with. */
const failed = (failure: string, more: object = {}): Error =>
  ({ failure, ...more }) as unknown as Error

const ok = (body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const GET = { method: 'GET', path: '/', headers: {} }

t.test('connections are kept and used again', async t => {
  const { pool, connections } = await serve(t, (_request, socket) => socket.write(ok('hi')))
  for (let i = 0; i < 5; i++) t.equal(text((await pool.request(GET)).body), 'hi')
  t.equal(connections(), 1)
})

t.test('what goes out: head, pieces of a body, Host and Content-Length', async t => {
  const { pool, port } = await serve(t, (request, socket) => socket.write(ok(request)))
  const reply = await pool.request({
    method: 'PUT',
    path: '/a%20b?x',
    headers: { 'X-A': '1' },
    body: [Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')],
  })
  t.equal(
    text(reply.body),
    `PUT /a%20b?x HTTP/1.1\r\nX-A: 1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 6\r\n\r\nonetwo`,
  )
})

t.test('no more connections than allowed; the rest waits in order', async t => {
  const order: string[] = []
  const { pool, connections } = await serve(
    t,
    (request, socket) => {
      order.push(request.split(' ')[1] as string)
      setTimeout(() => socket.write(ok('x')), 5)
    },
    { maxSockets: 2 },
  )
  const paths = Array.from({ length: 10 }, (_, i) => `/${i}`)
  await Promise.all(paths.map(path => pool.request({ ...GET, path })))
  t.equal(connections(), 2)
  t.strictSame(order, paths)
})

t.test('a body goes straight into the memory of the sink', async t => {
  const bytes = Buffer.alloc(3_000_000, 'abcdefg')
  const { pool } = await serve(t, (_request, socket) => {
    socket.write(`HTTP/1.1 206 X\r\nContent-Length: ${bytes.length}\r\n\r\n`)
    socket.write(bytes)
  })
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  let used = 0
  const sink: BodySink = {
    begin: (status, _headers, length) => t.equal(status, 206) && t.equal(length, bytes.length),
    next: () => shared.subarray(used, used + 100_000),
    filled: count => void (used += count),
  }
  const reply = await pool.request({ ...GET, sink })
  t.equal(reply.body.length, 0)
  t.ok(bytes.equals(shared))
})

t.test(
  'a connection closed while idle is noticed; one closed under a request is replaced once',
  async t => {
    const { pool, connections } = await serve(t, (_request, socket, number) => {
      if (number === 1 && socket.bytesWritten > 0) socket.destroy()
      else socket.write(ok(`${number}`))
    })
    t.equal(text((await pool.request(GET)).body), '1')
    t.equal(text((await pool.request(GET)).body), '2', 'sent again on a new connection')
    t.equal(connections(), 2)
  },
)

t.test('a POST is not sent twice', async t => {
  const { pool } = await serve(t, (_request, socket) => {
    if (socket.bytesWritten > 0) socket.destroy()
    else socket.write(ok('x'))
  })
  await pool.request(GET)
  await t.rejects(pool.request({ method: 'POST', path: '/', headers: {} }), failed('reset'))
})

t.test('a new connection that breaks is not tried again', async t => {
  const { pool, connections } = await serve(t, (_request, socket) => socket.destroy())
  await t.rejects(pool.request(GET), failed('reset', { replyStarted: false }))
  t.equal(connections(), 1)
})

t.test('a reply cut short rejects, and the bytes before the cut were delivered', async t => {
  const { pool } = await serve(t, (_request, socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
  )
  await t.rejects(pool.request(GET), failed('reset', { replyStarted: true }))
})

t.test('Connection: close and replies that end with the connection', async t => {
  const { pool, connections } = await serve(t, (request, socket) => {
    if (request.startsWith('HEAD')) socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')
    else socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end')
  })
  t.equal((await pool.request({ ...GET, method: 'HEAD' })).status, 200)
  t.equal(text((await pool.request(GET)).body), 'until the end')
  t.equal(connections(), 2)
})

t.test('a reply before the whole body was sent', async t => {
  const { pool } = await serve(t, () => {})
  pool.close()
  const server = net.createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.pause()
      socket.write('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const early = new HttpPool({ host: '127.0.0.1', port, timeout: 2000 })
  t.teardown(() => {
    early.close()
    server.close()
  })
  const reply = await early.request({ ...GET, method: 'PUT', body: Buffer.alloc(20_000_000) })
  t.equal(reply.status, 403)
  t.equal(early.sockets, 0, 'the connection is not used again')
})

t.test('signals: before, while waiting, in the middle', async t => {
  const { pool } = await serve(t, () => {}, { maxSockets: 1 })
  const gone = failed('aborted')
  await t.rejects(pool.request({ ...GET, signal: AbortSignal.abort() }), gone)
  const first = new AbortController()
  const second = new AbortController()
  const running = pool.request({ ...GET, signal: first.signal })
  const waiting = pool.request({ ...GET, signal: second.signal })
  setTimeout(() => second.abort(), 20)
  await t.rejects(waiting, gone)
  first.abort()
  await t.rejects(running, gone)
  t.equal(pool.sockets, 0)
})

t.test('silence and slowness', async t => {
  const { pool } = await serve(t, (request, socket) => {
    if (request.includes('/slow')) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')
      let sent = 0
      const timer = setInterval(() => {
        socket.write('x')
        if (++sent === 10) clearInterval(timer)
      }, 60)
    }
  })
  await t.rejects(pool.request({ ...GET, timeout: 150 }), failed('stalled'))
  t.equal(text((await pool.request({ ...GET, path: '/slow', timeout: 250 })).body), 'xxxxxxxxxx')
})

t.test('no connection', async t => {
  const refused = new HttpPool({ host: '127.0.0.1', port: 1 })
  await t.rejects(refused.request(GET), failed('connect', { code: 'ECONNREFUSED' }))
  const unknown = new HttpPool({ host: 'nowhere.invalid', port: 80 })
  await t.rejects(unknown.request(GET), failed('connect'))
  refused.close()
  await t.rejects(refused.request(GET), failed('closed'))
})

t.test('connect timeout', async t => {
  // A listener whose backlog is full does not answer; a TLS client on a silent plain server is simpler.
  const { port } = await serve(t, () => {})
  const pool = new HttpPool({ host: '127.0.0.1', port, tls: {}, connectTimeout: 100 })
  await t.rejects(pool.request(GET), failed('connect-timeout'))
})

t.test('close rejects what is running and waiting', async t => {
  const { pool } = await serve(t, () => {}, { maxSockets: 1 })
  const both = [pool.request(GET), pool.request(GET)].map(request =>
    t.rejects(request, failed('closed')),
  )
  setTimeout(() => pool.close(), 20)
  await Promise.all(both)
  t.equal(pool.sockets, 0)
})

t.test('what cannot go on the wire is refused before anything is sent', async t => {
  const { pool, connections } = await serve(t, (_request, socket) => socket.write(ok('')))
  const invalid = failed('invalid')
  await t.rejects(pool.request({ ...GET, path: '/a b' }), invalid)
  await t.rejects(pool.request({ ...GET, path: '/a\r\nX: y' }), invalid)
  await t.rejects(pool.request({ ...GET, headers: { 'X-A': 'a\r\nHost: evil' } }), invalid)
  await t.rejects(pool.request({ ...GET, headers: { 'X-A': 'č' } }), invalid)
  await t.rejects(pool.request({ ...GET, headers: { 'X A': 'a' } }), invalid)
  t.equal(connections(), 0)
})

t.test('what a sink throws rejects the request, and the pool goes on', async t => {
  const { pool } = await serve(t, (_request, socket) => socket.write(ok('body')))
  const sink: BodySink = {
    begin: () => true,
    next: () => {
      throw new Error('no memory')
    },
    filled() {},
  }
  await t.rejects(pool.request({ ...GET, sink }), new Error('no memory'))
  t.equal(text((await pool.request(GET)).body), 'body')
})

t.test('TLS: own authority, and refusal of an unknown one', async t => {
  const dir = t.testdir({})
  const key = join(dir, 'key.pem')
  const cert = join(dir, 'cert.pem')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const args = 'req -x509 -newkey rsa:2048 -nodes -days 2 -keyout'.split(' ')
  const made = spawnSync('openssl', [...args, key, '-out', cert, ...subject])
  t.equal(made.status, 0, 'openssl made a certificate')
  const body = Buffer.alloc(300_000, 'tls')
  const server = tls.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, socket => {
    socket.on('error', () => {})
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
      socket.write(body)
    })
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const trusting = new HttpPool({ host: '127.0.0.1', port, tls: { ca: readFileSync(cert) } })
  const strict = new HttpPool({ host: '127.0.0.1', port, tls: {} })
  t.teardown(() => {
    trusting.close()
    strict.close()
    server.close()
  })
  for (let i = 0; i < 3; i++) t.ok(body.equals((await trusting.request(GET)).body))
  const shared = new Uint8Array(new SharedArrayBuffer(body.length))
  let used = 0
  const sink: BodySink = {
    begin: () => true,
    next: () => shared.subarray(used, used + 70_000),
    filled: count => void (used += count),
  }
  await trusting.request({ ...GET, sink })
  t.ok(body.equals(shared), 'into shared memory')
  await t.rejects(strict.request(GET), failed('connect', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }))
})
