/** Many objects at a time: requests counted for deleting and renaming whole directories. */
import t from 'tap'
import { flush, onServers, until } from '../support/session.ts'

t.setTimeout(300_000)

await onServers('rm -rf uses DeleteObjects', async (t, { kind, mount, proxy, client, ...s }) => {
  // Swift needs a fortieth of a second of CPU for each object put.
  const count = kind === 'swift' ? 1100 : 2500
  const keys = Array.from({ length: count }, (_, i) => `d/${i % 7}/${i}`)
  await client.putMany(keys)
  // However slow it is: what is not a full request waits for the flush.
  const m = await mount({ args: ['--write-back=10m'] })
  proxy.reset()
  await m.sh('rm -rf d', { timeout: 240_000 })
  await flush(m)
  t.same(s.changes(), { DeleteObjects: Math.ceil(count / 1000) })
  t.same(await client.keys(), [])
  t.equal(await m.sh('ls -A'), '')
})

await onServers('a directory is renamed by copies, then deletes', async (t, session) => {
  const { mount, proxy, client } = session
  const keys = Array.from({ length: 60 }, (_, i) => `from/${i % 4}/${i}`)
  await client.putMany(keys, 'content')
  const m = await mount()
  proxy.reset()
  await m.sh('mv from to; test ! -e from; cat to/3/3')
  await flush(m)
  const { CopyObject, DeleteObject = 0, DeleteObjects = 0, ...others } = session.changes()
  t.equal(CopyObject, 60)
  t.same(others, {})
  t.ok(DeleteObject + DeleteObjects < 15, `${DeleteObject + DeleteObjects} requests to delete`)
  const wanted = keys.map(key => key.replace('from', 'to')).sort()
  await until('all copies', async () => (await client.keys()).length === 60)
  t.same((await client.keys()).sort(), wanted)
})
