/** The control socket, both ends. */
import { createConnection } from 'node:net'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { MountStatus } from '../../src/control/api.ts'
import { ControlClient } from '../../src/control/client.ts'
import { LineSplitter, parseRequest } from '../../src/control/protocol.ts'
import { ControlServer } from '../../src/control/server.ts'
import type { Handlers } from '../../src/control/server.ts'
import { FsError } from '../../src/core/errors.ts'
import { silentLog } from '../../src/core/ports.ts'
import { temporary } from '../support/mounted.ts'

async function setUp(t: Parameters<typeof temporary>[0], own: Partial<Handlers> = {}) {
  const path = join(temporary(t), 'x.sock')
  writeFileSync(path, 'left over')
  const handlers: Handlers = {
    status: async () => ({ pending: 3 }) as MountStatus,
    flush: async ({ path: what }) => {
      if (what === '/bad') throw new FsError('EACCES', 'Access Denied')
      return null
    },
    why: async ({ path: what }) => [{ path: what, text: 'new\nline' }],
    url: async () => 'https://x',
    stat: async () => ({ key: 'x', url: 'https://x', state: 'stored' }),
    unmount: async () => null,
    ...own,
  }
  return { path, server: await ControlServer.listen(path, handlers, silentLog) }
}

t.test('questions and answers', async t => {
  const { path, server } = await setUp(t)
  t.equal(statSync(path).mode & 0o777, 0o600, 'for its owner only')
  const client = await ControlClient.connect(path)
  const all = await Promise.all([
    client.call('status', {}),
    client.call('why', { path: '/a\nb' }),
    client.call('flush', { path: '/' }),
  ])
  t.match(all, [{ pending: 3 }, [{ path: '/a\nb', text: 'new\nline' }], null])
  await t.rejects(client.call('flush', { path: '/bad' }), {
    name: 'ControlError',
    message: /EACCES/,
  })
  await server.close()
  t.notOk(existsSync(path))
  await t.rejects(client.call('status', {}), { name: 'ControlError' })
  await t.rejects(ControlClient.connect(path), { name: 'ControlError' })
})

t.test('an answer under way is given before the end; the rest hears of it', async t => {
  let finish!: () => void
  const { path, server } = await setUp(t, {
    unmount: () => new Promise(resolve => (finish = () => resolve(null))),
    flush: () => new Promise(() => {}),
  })
  const client = await ControlClient.connect(path)
  const first = client.call('unmount', { flush: true })
  const second = client.call('flush', { path: '/' })
  second.catch(() => {})
  await client.call('status', {})
  finish()
  await server.close()
  t.equal(await first, null)
  await t.rejects(second, { message: /ended without an answer/ })
})

t.test('who goes away aborts the question', async t => {
  let aborted!: () => void
  const seen = new Promise<void>(resolve => (aborted = resolve))
  const { path, server } = await setUp(t, {
    flush: (_params, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          aborted()
          reject(new FsError('EINTR', 'gone'))
        }),
      ),
  })
  const client = await ControlClient.connect(path)
  client.call('flush', { path: '/' }).catch(() => {})
  await client.call('status', {})
  client.close()
  await seen
  await server.close()
})

t.test('nonsense is refused and harms nobody', async t => {
  const { path, server } = await setUp(t)
  const socket = createConnection(path).setEncoding('utf8')
  const answers: string[] = []
  socket.on('data', text => answers.push(String(text)))
  socket.write('{"id":1,"method":"rm"}\nnot json\n{"id":2,"method":"flush","params":{"path":7}}\n')
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(answers.join('').match(/EINVAL/g)?.length, 3)
  socket.destroy()
  const client = await ControlClient.connect(path)
  t.match(await client.call('status', {}), { pending: 3 })
  client.close()
  await server.close()
  const lines = new LineSplitter()
  t.same(lines.push('a\nb'), ['a'])
  t.same(lines.push('c\n\n'), ['bc'])
  t.throws(() => lines.push('x'.repeat(5 * 2 ** 20)), RangeError)
  t.throws(() => parseRequest('null'), TypeError)
})
