/** How deletes travel together. */
import t from 'tap'
import { bucketOf } from '../support/bucket-view.ts'
import { Core } from '../support/core.ts'

t.test('deletes that come while a full request is under way go together too', async t => {
  const core = new Core({ faults: { delay: [200, 300] } })
  for (let n = 0; n < 2500; n++) {
    await core.memory.put(`d/f${n}`, new Uint8Array(1), { meta: { user: {} } })
  }
  const names = await core.names('/d')
  core.counting.reset()
  for (const name of names) await core.unlink(`/d/${name}`)
  await core.rmdir('/d')
  await core.drain()
  t.equal(core.counting.count('deleteMany'), 3)
  t.equal(core.counting.count('delete'), 0)
  t.equal(core.memory.count, 0)
})

t.test('removed and made again at once: no delete', async t => {
  const core = new Core()
  await core.memory.put('a', Uint8Array.of(1), { meta: { user: {} } })
  await core.unlink('/a')
  await core.clock.pass(800)
  await core.write('/a', 'again')
  t.equal(await core.drain(), 0)
  t.equal(core.counting.count('delete') + core.counting.count('deleteMany'), 0)
})

t.test('the last of a long series do not rest as long as one that was removed alone', async t => {
  const core = new Core()
  const put = (key: string) => core.memory.put(key, Uint8Array.of(1), { meta: { user: {} } })
  for (let n = 0; n < 150; n++) await put(`d/${n}`)
  await put('alone')
  await put('renamed')
  const left = async () => [...(await bucketOf(core.memory)).keys()].toSorted()
  for (const name of await core.names('/d')) await core.unlink(`/d/${name}`)
  await core.clock.pass(200)
  t.strictSame(await left(), ['alone', 'renamed'])
  await core.clock.pass(2000)
  await core.unlink('/alone')
  await core.rename('/renamed', '/b')
  await core.clock.pass(500)
  t.strictSame(await left(), ['alone', 'd/', 'renamed'])
  await core.clock.pass(2000)
  t.strictSame(await left(), ['b', 'd/'])
})
