/** Files that lose their name while they are open: what becomes of the object under it, and who may still read. */
import t from 'tap'
import { FsError, StoreError } from '../../src/core/errors.ts'
import { StoreDecorator, type Call } from '../../src/store/decorator.ts'
import { bucketOf } from '../support/bucket-view.ts'
import { BOTH, Core, READ, type CoreOptions } from '../support/core.ts'

/** Of more than the one page that an open brings. */
const OLD = 'old '.repeat(200_000)

/** Refuses all GETs once it is told to. */
class Unreadable extends StoreDecorator {
  refuse: StoreError['kind'] | undefined

  protected override async around<T>({ operation, key }: Call, run: () => Promise<T>): Promise<T> {
    if (operation !== 'get' || !this.refuse) return run()
    throw new StoreError(this.refuse, 'refused', {
      operation: 'GetObject',
      ...(key ? { key } : {}),
    })
  }
}

/** A core with a large file in the bucket, of which nothing is in memory. */
async function withFile(options: CoreOptions = {}): Promise<Core> {
  const first = new Core()
  await first.write('a', OLD)
  await first.drain()
  return first.other(options)
}

async function readAll(core: Core, handle: number): Promise<string> {
  const into = new Uint8Array(OLD.length + 1)
  const got = await core.run(core.fs.read(handle, into, 0))
  return new TextDecoder().decode(into.subarray(0, got))
}

async function inBucket(core: Core): Promise<Record<string, number>> {
  const objects = [...(await bucketOf(core.memory))]
  return Object.fromEntries(objects.map(([key, { bytes }]) => [key, bytes.length]))
}

const pass = (core: Core, span: number) => core.run(core.clock.sleep(span))

t.test('the object stays for a reader, and goes when it is closed', async t => {
  const core = await withFile()
  const handle = await core.run(core.open('a', { flags: READ }))
  await core.unlink('a')
  await pass(core, 60_000)
  t.same(await inBucket(core), { a: OLD.length })
  t.equal(core.journal.staged, 0, 'nothing is fetched')
  t.equal(await readAll(core, handle), OLD)
  await core.run(core.close(handle))
  await pass(core, 60_000)
  t.same(await inBucket(core), {})
})

t.test('a delete that somebody waits for is made, and the reader reads on', async t => {
  const core = await withFile()
  const handle = await core.run(core.open('a', { flags: READ }))
  await core.unlink('a')
  t.equal(await core.drain(), 0)
  t.same(await inBucket(core), {})
  t.equal(await readAll(core, handle), OLD)
  await core.run(core.close(handle))
  t.same(core.journal.stages(), [])
})

t.test(
  'what is open for writing and gets another name leaves nothing under the old one',
  async t => {
    const core = await withFile()
    const handle = await core.run(core.open('a', { flags: BOTH }))
    await core.run(core.fs.write(handle, new TextEncoder().encode('new'), 5))
    await core.rename('a', 'b')
    await core.run(core.close(handle))
    await pass(core, 60_000)
    t.same(await inBucket(core), { b: OLD.length })
  },
)

for (const kind of ['denied', 'unavailable'] as const) {
  t.test(`a new version is sent though the old one cannot be kept: ${kind}`, async t => {
    let store: Unreadable | undefined
    const core = await withFile({ around: inner => (store = new Unreadable(inner)) })
    await core.write('b', 'new')
    const handle = await core.run(core.open('a', { flags: READ }))
    store!.refuse = kind
    await core.rename('b', 'a')
    await pass(core, 1_000_000)
    t.same(await inBucket(core), { a: 3 })
    store!.refuse = undefined
    await t.rejects(readAll(core, handle).catch(errnoOnly), { message: 'ESTALE' })
    await core.run(core.close(handle))
    t.same(core.journal.stages(), [])
  })
}

function errnoOnly(error: unknown): never {
  throw new Error(error instanceof FsError ? error.errno : String(error))
}
