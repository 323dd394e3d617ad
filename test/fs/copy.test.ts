/** copy_file_range: one copy on the server, in the bucket when it is answered, or left to reads and writes. */
import t from 'tap'
import { StoreError } from '../../src/core/errors.ts'
import { StoreDecorator, type Call } from '../../src/store/decorator.ts'
import { BOTH, Core, READ, type CoreOptions } from '../support/core.ts'

const SIZE = 5 * 1024 * 1024
const bytes = new Uint8Array(SIZE).map((_, index) => (index * 7) % 251)
const WHOLE = { fromOffset: 0, toOffset: 0, length: 2 ** 31 }
const LARGE: CoreOptions = {
  partSize: 8 * 1024 * 1024,
  store: { limits: { minPart: 1, maxPart: 2 ** 40, maxParts: 10_000 } },
}

/** `t.same` would take minutes. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

async function withFile(more: CoreOptions = {}): Promise<Core> {
  const core = new Core({ ...LARGE, ...more })
  await core.write('a', bytes)
  await core.drain()
  return core
}

/** As `cp from to` does it. */
async function copy(core: Core, from: string, to: string, range = WHOLE): Promise<number> {
  const a = await core.run(core.open(from, { flags: READ }))
  const b = await core.run(core.open(to, { flags: BOTH, create: true }))
  try {
    return await core.run(core.fs.copyRange!(a, b, range))
  } finally {
    await core.run(core.close(a))
    await core.run(core.close(b))
  }
}

t.test('nothing travels, and it is in the bucket', async t => {
  const core = await withFile()
  core.counting.reset()
  t.equal(await copy(core, 'a', 'b'), SIZE)
  t.ok(core.counting.count('get') <= 1, 'no more than the opening asks for')
  t.equal(core.counting.count('copy', 'b'), 1)
  t.equal(core.counting.sent, 0)
  const elsewhere = core.other()
  t.ok(same(await elsewhere.bytes('b'), bytes), 'without a drain')
  t.match(await core.stat('b'), { size: SIZE, kind: 'file' })
  await core.patch('b', 'X', 3)
  await core.unlink('a')
  await core.drain()
  const patched = bytes.slice()
  patched[3] = 0x58
  t.ok(same(await core.other().bytes('b'), patched))
  t.equal(core.journal.stages().length, 0, 'nothing is left behind')
  core.stop()
})

t.test('the end of the file', async t => {
  const core = await withFile()
  t.equal(await copy(core, 'a', 'b', { ...WHOLE, fromOffset: SIZE }), 0)
  core.stop()
})

t.test('what is to be read and written', async t => {
  const core = await withFile()
  const left = /^EOPNOTSUPP/
  await t.rejects(copy(core, 'a', 'b', { ...WHOLE, length: SIZE - 1 }), left)
  await t.rejects(copy(core, 'a', 'b', { ...WHOLE, fromOffset: 1 }), left)
  await t.rejects(copy(core, 'a', 'b', { ...WHOLE, toOffset: 1 }), left)
  await core.write('small', 'few')
  await core.write('full', 'some')
  await core.drain()
  await t.rejects(copy(core, 'small', 'c'), left)
  await t.rejects(copy(core, 'a', 'full'), left, 'there are bytes already')
  await core.patch('a', 'dirty', 0)
  await t.rejects(copy(core, 'a', 'd'), left)
  await core.drain()
  t.equal(await core.other().read('full'), 'some')
  core.stop()
})

t.test('a copy that fails leaves an empty file, to be written', async t => {
  class NoCopies extends StoreDecorator {
    protected override async around<T>(call: Call, run: () => Promise<T>): Promise<T> {
      if (call.operation !== 'copy') return run()
      throw new StoreError('denied', 'no copies', { operation: 'CopyObject' })
    }
  }
  const core = await withFile({ around: store => new NoCopies(store) })
  await t.rejects(copy(core, 'a', 'b'), /^EOPNOTSUPP/)
  t.equal((await core.stat('b')).size, 0)
  await core.write('b', 'by hand')
  await core.drain()
  t.equal(await core.other().read('b'), 'by hand')
  core.stop()
})

t.test('killed while the server copies: the copy is made after the start', async t => {
  const core = await withFile({ faults: { delay: [200, 300] } })
  const a = await core.run(core.open('a', { flags: READ }))
  const b = await core.run(core.open('b', { flags: BOTH, create: true }))
  void core.fs.copyRange!(a, b, WHOLE).catch(() => {})
  await core.run(new Promise<void>(resolve => core.clock.after(100, resolve)))
  const next = core.restart()
  await next.drain()
  t.ok(same(await next.other().bytes('b'), bytes))
  next.stop()
})
