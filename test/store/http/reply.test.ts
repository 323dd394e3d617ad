/** The reply reader: whatever the boundaries at which bytes arrive, the same reply comes out. */
import fc from 'fast-check'
import t from 'tap'
import { ReplyReader } from '../../../src/store/http/reply.ts'
import type { BodySink, HttpReply } from '../../../src/store/http/types.ts'

const LIMITS = { maxHead: 4096, maxBody: 1 << 20 }

/** Feeds `bytes` in slices of the given lengths (repeated), through whatever memory the reader lends. */
function feed(reader: ReplyReader, bytes: Uint8Array, cuts: readonly number[]): HttpReply[] {
  const replies: HttpReply[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const memory = reader.buffer()
    const count = Math.min(memory.length, cuts[i % cuts.length] as number, bytes.length - at)
    memory.set(bytes.subarray(at, at + count))
    at += count
    const reply = reader.arrived(count)
    if (reply !== undefined) replies.push(reply)
  }
  return replies
}

function collector(pieceSize: number): BodySink & { bytes(): Buffer; lengths: unknown[] } {
  const pieces: Buffer[] = []
  let piece = Buffer.alloc(pieceSize)
  let used = 0
  const lengths: unknown[] = []
  return {
    lengths,
    begin(status, _headers, length) {
      lengths.push(length)
      return status < 300
    },
    next: () => piece.subarray(used),
    filled(count) {
      used += count
      if (used === piece.length) {
        pieces.push(piece)
        piece = Buffer.alloc(pieceSize)
        used = 0
      }
    },
    bytes: () => Buffer.concat([...pieces, piece.subarray(0, used)]),
  }
}

function chunked(body: Uint8Array, sizes: readonly number[]): Buffer {
  const out: Uint8Array[] = []
  for (let at = 0, i = 0; at < body.length; i++) {
    const part = body.subarray(at, at + (sizes[i % sizes.length] as number))
    out.push(Buffer.from(`${part.length.toString(16)};x=y\r\n`), part, Buffer.from('\r\n'))
    at += part.length
  }
  out.push(Buffer.from('0\r\nTrailer: 1\r\n\r\n'))
  return Buffer.concat(out)
}

const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 })
const bodies = fc.uint8Array({ maxLength: 5000 })

t.test('any framing, any boundaries, with and without a sink', async () => {
  fc.assert(
    fc.property(
      bodies,
      cuts,
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom('length', 'chunked', 'close'),
      fc.boolean(),
      fc.boolean(),
      (body, cuts, sizes, framing, sinks, interim) => {
        const reader = new ReplyReader(LIMITS)
        const sink = collector(sizes[0] as number)
        reader.expect('GET', sinks ? sink : undefined)
        const field =
          framing === 'length'
            ? `Content-Length: ${body.length}\r\n`
            : framing === 'chunked'
              ? 'Transfer-Encoding: chunked\r\n'
              : ''
        const head = `${interim ? 'HTTP/1.1 100 Continue\r\n\r\n' : ''}HTTP/1.1 200 OK\r\nETag:  "a" \r\n${field}\r\n`
        const payload = framing === 'chunked' ? chunked(body, sizes) : body
        const replies = feed(reader, Buffer.concat([Buffer.from(head), payload]), cuts)
        const ended = framing === 'close' ? reader.ended() : undefined
        if (ended !== undefined) replies.push(ended)
        if (replies.length !== 1) return false
        const [reply] = replies as [HttpReply]
        const got = sinks ? sink.bytes() : Buffer.from(reply.body)
        return (
          got.equals(Buffer.from(body)) &&
          reply.status === 200 &&
          reply.headers['etag'] === '"a"' &&
          reader.reusable === (framing !== 'close')
        )
      },
    ),
    { numRuns: 300 },
  )
})

t.test('several replies one after the other on one reader', async t => {
  const reader = new ReplyReader(LIMITS)
  for (const text of ['one', '', 'three']) {
    reader.expect('GET', undefined)
    const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
    const [reply] = feed(reader, bytes, [3])
    t.equal(Buffer.from(reply?.body ?? []).toString(), text)
    t.ok(reader.reusable)
  }
})

t.test('replies without a body', async t => {
  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const) {
    const reader = new ReplyReader(LIMITS)
    reader.expect(method, undefined)
    const [reply] = feed(
      reader,
      Buffer.from(`HTTP/1.1 ${status} X\r\nContent-Length: 10\r\n\r\n`),
      [99],
    )
    t.equal(reply?.status, status)
    t.equal(reply?.headers['content-length'], '10')
    t.equal(reply?.body.length, 0)
    t.ok(reader.reusable)
  }
})

t.test('an error body is collected though there is a sink', async t => {
  const reader = new ReplyReader(LIMITS)
  const sink = collector(10)
  reader.expect('GET', sink)
  const [reply] = feed(reader, Buffer.from('HTTP/1.1 404 X\r\nContent-Length: 4\r\n\r\ngone'), [2])
  t.equal(Buffer.from(reply?.body ?? []).toString(), 'gone')
  t.equal(sink.bytes().length, 0)
})

t.test('what is not a reply is refused', async t => {
  const bad = [
    'SSH-2.0-OpenSSH\r\n\r\n',
    'HTTP/2 200\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
    'HTTP/1.1 101 Switch\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(5000)}\r\n\r\n`,
    'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n',
  ]
  for (const text of bad) {
    const reader = new ReplyReader(LIMITS)
    reader.expect('GET', undefined)
    t.throws(
      () => feed(reader, Buffer.from(text), [64]),
      { failure: 'protocol' } as unknown as Error,
      text.slice(0, 50),
    )
  }
})

t.test('bytes beyond the reply make the connection unusable', async t => {
  const reader = new ReplyReader(LIMITS)
  reader.expect('GET', undefined)
  const [reply] = feed(
    reader,
    Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc'),
    [999],
  )
  t.equal(Buffer.from(reply?.body ?? []).toString(), 'a')
  t.notOk(reader.reusable)
})

t.test('random bytes never do anything but throw HttpError or wait', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (noise, cuts) => {
      const reader = new ReplyReader(LIMITS)
      reader.expect('GET', undefined)
      try {
        feed(reader, noise, cuts)
        return true
      } catch (error) {
        return (error as Error).name === 'HttpError'
      }
    }),
  )
})
