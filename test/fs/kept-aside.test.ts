/** A name that was looked up just before its file was kept under another name: an open of it must not get that file. */
import t from 'tap'
import { bucketOf } from '../support/bucket-view.ts'
import { BOTH, Core, errnoOf } from '../support/core.ts'

t.test('an open after a conflict is of what the name means now', async t => {
  const core = new Core({ fs: { metadataTtl: 0 } })
  await core.write('f', 'first')
  await core.drain()
  await core.append('f', ' mine')
  const { ino } = await core.stat('f')
  await core.run(core.memory.put('f', new TextEncoder().encode('theirs'), { meta: { user: {} } }))
  t.equal(await core.drain(), 0)
  t.equal(
    await errnoOf(core.run(core.fs.open(ino, BOTH))),
    'ESTALE',
    'the kernel looks it up again',
  )
  await core.append('f', ' and mine')
  await core.fsync('f')
  const bucket = await bucketOf(core.memory)
  t.equal(new TextDecoder().decode(bucket.get('f')?.bytes), 'theirs and mine')
  const [other = ''] = [...bucket.keys()].filter(key => key.includes('.conflict-'))
  t.equal(await core.read(other), 'first mine')
  const handle = await core.run(core.open(other, { flags: BOTH }))
  await core.run(core.fs.write(handle, new TextEncoder().encode('FIRST'), 0))
  await core.run(core.fs.fsync(handle, false))
  await core.run(core.close(handle))
  t.equal(await core.read(other), 'FIRST mine', 'it is a file as any other')
})
