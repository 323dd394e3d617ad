/** Tokens: fetched once for all, renewed once for all, ahead of their end; what is said when they are refused. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { SwiftClient } from '../../../src/store/swift/client.ts'
import type { SwiftConfig } from '../../../src/store/swift/config.ts'
import { Session } from '../../../src/store/swift/session.ts'
import { Transport } from '../../../src/store/swift/transport.ts'
import { rejects } from '../../conformance/support.ts'

const common = { interface: 'public', verify: true } as const

/** A server that hands out tokens t1, t2, ... and takes only `valid`. */
async function cluster(t: Test) {
  const state = { issued: 0, valid: 't1', seconds: 3600, now: 1e12, refuse: false }
  const answer = (request: IncomingMessage, reply: ServerResponse): void => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    if (request.url === '/auth/v1.0') {
      if (state.refuse) return void reply.writeHead(401).end('no')
      state.issued++
      reply.setHeader('X-Auth-Token', `t${state.issued}`)
      reply.setHeader('X-Storage-Url', `${url}/v1/A/`)
      reply.setHeader('X-Auth-Token-Expires', String(state.seconds))
      return void reply.writeHead(200).end()
    }
    const good = request.headers['x-auth-token'] === state.valid
    reply.writeHead(good ? 204 : 401).end()
  }
  const server = createServer(answer)
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const transport = new Transport()
  t.teardown(() => {
    transport.close()
    server.close()
  })
  const open = (auth: SwiftConfig['auth'], storageUrl?: string): SwiftClient => {
    const config = { auth, ...common, ...(storageUrl === undefined ? {} : { storageUrl }) }
    return new SwiftClient(new Session(config, transport, { now: () => state.now }), transport)
  }
  return {
    state,
    url,
    open,
    v1: { kind: 'v1', authUrl: `${url}/auth/v1.0`, user: 'a:u', key: 'hush' } as const,
  }
}
const head = (client: SwiftClient): Promise<unknown> =>
  client.request({ operation: 'HeadContainer', method: 'HEAD', container: 'c' })
const twenty = (client: SwiftClient): Promise<unknown> =>
  Promise.all(Array.from({ length: 20 }, () => head(client)))

t.test('one token for all, one renewal for all', async t => {
  const { state, open, v1 } = await cluster(t)
  const client = open(v1)
  await twenty(client)
  t.equal(state.issued, 1)
  state.valid = 't2'
  await twenty(client)
  t.equal(state.issued, 2)
  await twenty(client)
  t.equal(state.issued, 2)
})

t.test('ahead of the end', async t => {
  const { state, open, v1 } = await cluster(t)
  const client = open(v1)
  await head(client)
  state.now += 3_500_000
  await head(client)
  t.equal(state.issued, 1)
  state.now += 50_000
  state.valid = 't2'
  await twenty(client)
  t.equal(state.issued, 2)
})

t.test('a new token that is refused as well is no endless loop', async t => {
  const { state, open, v1 } = await cluster(t)
  const client = open(v1)
  state.valid = 'none'
  await rejects(t, head(client), 'denied', 'refused twice')
  t.equal(state.issued, 2)
})

t.test('refused credentials, without the secret in the text; wrong addresses', async t => {
  const { state, url, open, v1 } = await cluster(t)
  state.refuse = true
  const error = await head(open(v1)).catch(
    (error: unknown) => error as Error & { kind: string; details: object },
  )
  t.match(error, { kind: 'denied', details: { hint: /Check user, key/ } })
  t.notMatch((error as Error).message, /hush/)
  state.refuse = false
  await rejects(
    t,
    head(open({ ...v1, authUrl: `${url}/elsewhere` })),
    'denied',
    'an address that is not for authentication',
  )
  await rejects(
    t,
    head(open({ ...v1, authUrl: 'http://127.0.0.1:1/auth' })),
    'unavailable',
    'nobody there',
  )
})

t.test('a token given cannot be renewed', async t => {
  const { state, url, open } = await cluster(t)
  const client = open({ kind: 'token', token: 't1' }, `${url}/v1/A`)
  await head(client)
  state.valid = 't2'
  await rejects(t, head(client), 'expired', 'it is said')
})
