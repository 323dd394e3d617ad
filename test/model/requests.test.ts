/** What travels: the table of "desired state" in docs/architecture.md, counted in requests that the store sees. */
import t from 'tap'
import { bucketOf } from '../support/bucket-view.ts'
import { BOTH, Core, READ, WRITE } from '../support/core.ts'
import type { Operation } from '../../src/store/decorator.ts'
import { seeded } from '../support/virtual-clock.ts'

/** Requests by operation; listings and heads left out unless asked for. */
function counts(core: Core, reads = false): Partial<Record<Operation, number>> {
  const found: Partial<Record<Operation, number>> = {}
  for (const { operation } of core.counting.calls) {
    if (!reads && ['list', 'head', 'get'].includes(operation)) continue
    found[operation] = (found[operation] ?? 0) + 1
  }
  return found
}

const NONE = { user: {} }

function noise(size: number, seed = 1): Uint8Array {
  const random = seeded(seed)
  return Uint8Array.from({ length: size }, () => Math.floor(random() * 256))
}

t.test('rsync: one PUT, under the final name, with all metadata', async t => {
  const core = new Core()
  await core.write('/.a.txt.X7f2Qk', 'content')
  await core.set('/.a.txt.X7f2Qk', { perm: 0o600 })
  await core.set('/.a.txt.X7f2Qk', { mtime: 1_234_567_890_123_456_789n })
  await core.clock.pass(5000)
  await core.rename('/.a.txt.X7f2Qk', '/a.txt')
  t.equal(await core.drain(), 0)
  t.strictSame(counts(core), { put: 1 })
  const { meta } = (await bucketOf(core.memory)).get('a.txt')!
  t.strictSame(meta, {
    contentType: 'text/plain',
    user: { mode: String(0o100600), mtime: '1234567890.123456789' },
  })
})

t.test('rsync of a large file streams under the name it will get', async t => {
  const core = new Core()
  const { dir, name } = await core.place('/.a.bin.X7f2Qk')
  const { handle } = await core.run(core.fs.create(dir, name, 0o644, WRITE))
  const content = noise(4000)
  for (let at = 0; at < 4000; at += 100) {
    await core.run(core.fs.write(handle, content.subarray(at, at + 100), at))
    await core.clock.pass(10)
  }
  t.ok(core.counting.count('uploadPart') > 8, 'most of it is sent before the close')
  await core.run(core.close(handle))
  await core.rename('/.a.bin.X7f2Qk', '/a.bin')
  t.equal(await core.drain(), 0)
  const { createUpload, completeUpload, put } = counts(core)
  t.strictSame([createUpload, completeUpload, put], [1, 1, undefined])
  t.strictSame((await bucketOf(core.memory)).get('a.bin')?.bytes, content)
  t.ok(core.counting.sent <= 4000, 'no byte twice')
})

t.test("an editor's save leaves no temporary object behind", async t => {
  const core = new Core()
  await core.write('/a', 'one')
  await core.drain()
  core.counting.reset()
  await core.write('/a~', 'two')
  await core.fsync('/a~')
  t.strictSame(counts(core), { put: 1 })
  await core.rename('/a~', '/a')
  await core.drain()
  t.strictSame(counts(core), { put: 1, copy: 1, delete: 1 })
  t.strictSame([...(await bucketOf(core.memory)).keys()], ['a'])
})

t.test("an editor's save with --fsync=journal: one PUT", async t => {
  const core = new Core({ fs: { fsync: 'journal' } })
  await core.write('/a', 'one')
  await core.drain()
  core.counting.reset()
  await core.write('/a~', 'two')
  await core.fsync('/a~')
  await core.rename('/a~', '/a')
  await core.drain()
  t.strictSame(counts(core), { put: 1 })
})

t.test('1,000 temporary files made and deleted send nothing', async t => {
  const core = new Core()
  await core.mkdir('/tmp')
  await core.drain()
  core.counting.reset()
  for (let n = 0; n < 1000; n++) await core.write(`/tmp/f${n}`, 'x')
  for (let n = 0; n < 1000; n++) await core.unlink(`/tmp/f${n}`)
  await core.drain()
  await core.clock.pass(600_000)
  t.strictSame(counts(core, true), {})
  t.strictSame(core.journal.stages(), [])
})

t.test('rm -rf of 10,000 files is ten DeleteObjects', async t => {
  const core = new Core()
  const meta = { user: {} }
  for (let n = 0; n < 10_000; n++) await core.memory.put(`d/f${n}`, new Uint8Array(1), { meta })
  const names = await core.names('/d')
  t.equal(names.length, 10_000)
  core.counting.reset()
  for (const name of names) await core.unlink(`/d/${name}`)
  await core.rmdir('/d')
  await core.drain()
  t.strictSame(counts(core), { deleteMany: 10 })
  t.equal(core.counting.count('head'), 0)
  t.equal(core.memory.count, 0)
})

t.test('a renamed directory: at once here, then copies, then deletes', async t => {
  const core = new Core({ faults: { delay: [20, 50] } })
  const meta = { user: { mtime: '5' } }
  for (let n = 0; n < 500; n++) await core.memory.put(`d/s/f${n}`, Uint8Array.of(n & 255), { meta })
  await core.names('/d')
  core.counting.reset()
  const before = core.clock.now()
  await core.rename('/d', '/e')
  t.ok(core.clock.now() - before < 200, 'one listing')
  t.equal((await core.names('/e/s')).length, 500)
  t.equal(await core.read('/e/s/f65'), 'A')
  t.equal(core.counting.count('copy'), 0)
  await core.drain()
  const { copy, deleteMany, put } = counts(core)
  t.equal(copy, 500)
  t.ok(deleteMany! <= 4, `${deleteMany} DeleteObjects`)
  t.equal(put, undefined)
  t.ok(core.counting.peak('copy') > 4, 'in parallel')
  const lastCopy = core.counting.calls.findLastIndex(({ operation }) => operation === 'copy')
  const firstDelete = core.counting.calls.findIndex(({ operation }) => operation === 'deleteMany')
  t.ok(firstDelete > 0 && lastCopy > 0)
  const bucket = await bucketOf(core.memory)
  t.equal(bucket.size, 500)
  t.strictSame(bucket.get('e/s/f7')?.meta.user, { mtime: '5' })
})

t.test('a small file is one PUT, whatever was done to it before it rested', async t => {
  const core = new Core()
  await core.write('/a', 'one')
  await core.append('/a', ' two')
  await core.set('/a', { perm: 0o640 })
  await core.setxattr('/a', 'user.x', 'y')
  await core.set('/a', { size: 5 })
  await core.drain()
  t.strictSame(counts(core), { put: 1 })
  core.counting.reset()
  await core.set('/a', { perm: 0o600 })
  await core.set('/a', { uid: 5 })
  await core.drain()
  t.strictSame(counts(core), { setMeta: 1 })
})

t.test('a changed large object sends only what changed', async t => {
  const core = new Core({ store: { limits: { minPart: 64, maxPart: 1 << 20, maxParts: 1000 } } })
  const content = noise(100_000)
  await core.write('/big', content)
  await core.drain()
  core.counting.reset()
  await core.patch('/big', 'X', 50_000)
  await core.drain()
  const { uploadPart, copyPart, createUpload, completeUpload } = counts(core)
  t.strictSame([uploadPart, createUpload, completeUpload], [1, 1, 1])
  t.ok(copyPart! <= 3, `${copyPart} copies`)
  t.ok(core.counting.sent <= 128, `${core.counting.sent} bytes`)
  t.ok(core.counting.count('get') <= 1, 'the rest of the part')
  content[50_000] = 88
  t.strictSame((await bucketOf(core.memory)).get('big')?.bytes, content)
})

t.test('open and read of a small file after a listing: one GET, no HEAD', async t => {
  const core = new Core()
  await core.memory.put('d/a', new TextEncoder().encode('hello'), { meta: { user: {} } })
  await core.names('/d')
  core.counting.reset()
  const ino = await core.run(core.ino('/d').then(dir => core.fs.lookup(dir, 'a')))
  core.counting.reset()
  const handle = await core.run(core.fs.open(ino.ino, READ))
  const into = new Uint8Array(10)
  t.equal(await core.run(core.fs.read(handle, into, 0)), 5)
  await core.run(core.close(handle))
  t.strictSame(counts(core, true), { get: 1 })
})

t.test('a stat of each of 200 files in a directory: one HEAD each, in parallel, once', async t => {
  const core = new Core({ faults: { delay: [20, 50] } })
  for (let n = 0; n < 200; n++)
    await core.memory.put(`d/f${n}`, new Uint8Array(1), { meta: { user: {} } })
  const names = await core.names('/d')
  for (const name of names) await core.stat(`/d/${name}`)
  for (const name of names) await core.stat(`/d/${name}`)
  const files = core.counting.keys('head').filter(key => key !== 'd/')
  t.equal(files.length, 200)
  t.ok(core.counting.peak('head') > 8)
  t.ok(core.counting.count('list') <= 3, `${core.counting.count('list')} listings`)
})

t.test('a walk through a large directory whose listing is old lists it once more', async t => {
  const core = new Core()
  for (let n = 0; n < 3000; n++) await core.memory.put(`d/f${n}`, Uint8Array.of(1), { meta: NONE })
  t.equal((await core.names('/d')).length, 3000)
  await core.clock.pass(70_000)
  core.counting.reset()
  for (let n = 0; n < 3000; n++) await core.stat(`/d/f${n}`)
  const lists = core.counting.count('list')
  t.ok(lists > 3 && lists < 50, `${lists} listings`)
})

t.test('names that are not in a fresh listing cost nothing', async t => {
  const core = new Core()
  await core.memory.put('a', new Uint8Array(1), { meta: { user: {} } })
  await core.names('/')
  core.counting.reset()
  for (let n = 0; n < 50; n++) await core.stat(`/none${n}`).catch(() => {})
  t.strictSame(counts(core, true), {})
})

t.test('what is written again before it rested travels once', async t => {
  const core = new Core()
  for (let n = 0; n < 20; n++) {
    await core.write('/a', `version ${n}`)
    await core.clock.pass(500)
  }
  await core.drain()
  t.strictSame(counts(core), { put: 1 })
})

t.test('a file that is open for writing is sent at fsync, and once more at the end', async t => {
  const core = new Core()
  const handle = await core.run(core.open('/a', { flags: BOTH, create: true }))
  await core.run(core.fs.write(handle, noise(10), 0))
  await core.clock.pass(60_000)
  t.strictSame(counts(core), {})
  await core.run(core.fs.fsync(handle, false))
  t.strictSame(counts(core), { put: 1 })
  await core.run(core.fs.fsync(handle, false))
  t.strictSame(counts(core), { put: 1 }, 'nothing new')
  await core.run(core.fs.write(handle, noise(10), 5))
  await core.run(core.close(handle))
  await core.drain()
  t.strictSame(counts(core), { put: 2 })
})
