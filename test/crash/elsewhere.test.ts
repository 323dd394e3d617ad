/** Changes that wait in the journal of a mount whose server was spelled in another way: the next mount tells of them. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { onServers } from '../support/session.ts'

t.setTimeout(240_000)

await onServers(
  'a journal of another address',
  async (t, session) => {
    const { bucket, server, client } = session
    const first = await session.mount({ args: ['--write-back=1h'] })
    await first.sh('printf one > a; printf two > b')
    await first.kill9()
    const dir = join(first.work, 'again')
    mkdirSync(dir)
    t.teardown(() => first.pailfs('umount', '--force', dir))
    const words = [`s3://${bucket}`, dir, '--path-style', `--endpoint-url=${server.endpoint}`]
    const told = await first.pailfs('mount', ...words)
    t.equal(told.code, 0, told.err)
    t.match(told.err, 'warning: 2 changes wait for a bucket of this name')
    const command =
      /pailfs (recover --endpoint-url=\S+ --path-style s3:\S+)/.exec(told.err)?.[1] ?? ''
    t.match(command, session.proxy.endpoint)
    const sent = await first.pailfs(...command.split(' '))
    t.equal(sent.code, 0, sent.err)
    t.same(await client.keys(), ['a', 'b'])
    t.equal((await first.pailfs('umount', dir)).code, 0)
    t.same(await first.pailfs('mount', ...words), { code: 0, out: '', err: '' }, 'nothing to tell')
    t.equal((await first.pailfs('umount', dir)).code, 0)
  },
  ['rgw'],
)
