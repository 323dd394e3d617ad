/**
 * A large file that was changed here while somebody else replaced it: theirs stays, ours is kept beside it with all
 * bytes that there still are, and it says which are lost.
 */
import t, { type Test } from 'tap'
import { PAGE_SIZE } from '../../src/core/page.ts'
import { rangesText } from '../../src/fs/salvage.ts'
import { bucketOf } from '../support/bucket-view.ts'
import { Core, errnoOf, WRITE, type CoreOptions } from '../support/core.ts'

const SIZE = 4 * PAGE_SIZE
/** A read of the first bytes brings the next page too. */
const HELD = 2 * PAGE_SIZE
const LOST = `${HELD}-${HELD + 99},${HELD + 105}-${SIZE - 1}`

/** A file of four pages in the bucket, of which the first was read here; then five bytes in the third are changed. */
async function changed(options: CoreOptions = {}): Promise<{ core: Core; handle: number }> {
  const core = new Core({ partSize: 8192, ...options })
  await core.run(core.memory.put('f', new Uint8Array(SIZE).fill(1), { meta: { user: { a: 'b' } } }))
  const reading = await core.run(core.open('f'))
  await core.run(core.fs.read(reading, new Uint8Array(10), 0))
  await core.run(core.close(reading))
  const handle = await core.run(core.open('f', { flags: WRITE }))
  await core.run(core.fs.write(handle, new TextEncoder().encode('mine!'), HELD + 100))
  return { core, handle }
}

/** What is in the bucket beside `f`, and what it says. */
async function kept(t: Test, core: Core, names: readonly string[]) {
  const bucket = await bucketOf(core.memory)
  t.same([...bucket.keys()].map(key => key.replace(/-[^-]*Z$/, '')).toSorted(), names)
  const [key = ''] = [...bucket.keys()].filter(name => name.includes('.conflict-'))
  const { bytes } = bucket.get(key)!
  t.equal(bytes.byteLength, SIZE)
  t.ok(
    bytes.subarray(0, HELD).every(byte => byte === 1),
    'what was in memory is there',
  )
  const text = new TextDecoder().decode(bytes.subarray(HELD + 100, HELD + 105))
  t.equal(text, 'mine!', 'what was written is there')
  t.equal(
    bytes.reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0),
    HELD + 5,
  )
  t.equal(await core.getxattr(key, 'user.pail-missing-ranges'), LOST)
  t.equal(await core.getxattr(key, 'user.a'), 'b')
  t.same(core.context.conflicts, [`/${key} (these bytes are lost, and zeros: ${LOST})`])
  t.equal([...core.writeBack.all()].length, 0, 'nothing is left to be sent')
}

t.test('replaced elsewhere', async t => {
  const { core, handle } = await changed()
  await core.run(core.memory.put('f', new TextEncoder().encode('theirs'), { meta: { user: {} } }))
  t.equal(await errnoOf(core.run(core.fs.fsync(handle, false))), 'ESTALE')
  await core.run(core.close(handle))
  t.equal(await core.drain(), 0)
  t.equal(await core.read('f'), 'theirs')
  await kept(t, core, ['f', 'f.conflict-here'])
})

t.test('deleted elsewhere', async t => {
  const { core, handle } = await changed()
  await core.run(core.memory.delete('f'))
  t.equal(await errnoOf(core.run(core.fs.fsync(handle, false))), 'ESTALE')
  await core.run(core.close(handle))
  t.equal(await core.drain(), 0)
  t.equal(await errnoOf(core.stat('f')), 'ENOENT')
  await kept(t, core, ['f.conflict-here'])
})

t.test('all of it is in memory', async t => {
  const core = new Core({ partSize: 8192 })
  await core.run(core.memory.put('f', new Uint8Array(SIZE).fill(1), { meta: { user: {} } }))
  await core.bytes('f')
  await core.patch('f', 'mine!', 100)
  await core.run(core.memory.put('f', new TextEncoder().encode('theirs'), { meta: { user: {} } }))
  t.equal(await core.drain(), 0)
  const bucket = await bucketOf(core.memory)
  const [other] = [...bucket].filter(([key]) => key !== 'f')
  t.ok(other?.[1].bytes.every((byte, at) => byte === 1 || (at >= 100 && at < 105)))
  t.notOk(core.context.conflicts[0]?.includes('lost'))
})

t.test('renamed here, its source replaced elsewhere, after a crash', async t => {
  const { core, handle } = await changed()
  await core.run(core.close(handle))
  await core.rename('f', 'g')
  await core.run(core.memory.put('f', new TextEncoder().encode('theirs'), { meta: { user: {} } }))
  core.stop()
  const next = core.restart()
  t.equal(await next.drain(), 0)
  const bucket = await bucketOf(next.memory)
  const [key = ''] = [...bucket.keys()].filter(name => name.startsWith('g.conflict-'))
  t.match(await next.getxattr(key, 'user.pail-missing-ranges'), /^0-\d+,\d+-\d+$/)
  t.equal(await next.read('f'), 'theirs')
})

t.test('ranges as text', async t => {
  const ranges = Array.from({ length: 100 }, (_, at) => ({ start: at * 1000, end: at * 1000 + 10 }))
  t.equal(rangesText([]), '')
  t.equal(rangesText(ranges.slice(0, 2)), '0-9,1000-1009')
  const text = rangesText(ranges)
  t.match(text, /^0-9,1000-1009,.*-\d+ and \d+ more$/)
  t.ok(text.length < 230)
})
