/** A store below a prefix: the whole contract again, and nothing outside is seen or touched. */
import t from 'tap'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import { withPrefix } from '../../src/store/prefix.ts'
import { storeConformance } from '../conformance/store.ts'
import { CheckedSink, bytes, listAll, noMeta } from '../conformance/support.ts'
import { ports } from './s3/scripted-server.ts'

const memory = (): MemoryStore =>
  new MemoryStore({
    clock: ports.clock,
    random: Math.random,
  })

await storeConformance(t, 'memory below a prefix', async () => withPrefix(memory(), 'a/ž b/'))

t.test('no prefix, no wrapper', async t => {
  const store = memory()
  t.equal(withPrefix(store, ''), store)
})

t.test('names inside and out', async t => {
  const outer = memory()
  for (const key of ['a/', 'a/x', 'a/d/y', 'ab', 'z'])
    await outer.put(key, bytes(key), { meta: noMeta })
  const store = withPrefix(outer, 'a/')
  t.equal(store.name, 'memory://bucket/a/')
  t.equal(store.limits.maxKey, outer.limits.maxKey - 2)
  t.strictSame(
    (await listAll(store, '')).map(object => object.key),
    ['d/y', 'x'],
  )
  const page = await store.list({ prefix: '', delimiter: '/' })
  t.strictSame([page.objects.map(object => object.key), page.prefixes], [['x'], ['d/']])
  const sink = new CheckedSink()
  t.equal((await store.get('x', {}, sink)).key, 'x')
  t.equal(sink.head?.key, 'x')
  await store.put('new', bytes('1'), { meta: noMeta })
  t.equal((await outer.head('a/new')).size, 1)
  const error = await store.head('none').catch((thrown: unknown) => thrown)
  t.match(error, { kind: 'not-found', details: { key: 'none' } })
  const upload = await store.createUpload('up', { meta: noMeta })
  t.equal(upload.key, 'up')
  t.strictSame(
    (await store.listUploads('')).map(({ key }) => key),
    ['up'],
  )
  t.strictSame(
    (await outer.listUploads('')).map(({ key }) => key),
    ['a/up'],
  )
  await t.rejects(
    Promise.resolve().then(() => store.head('')),
    /empty/,
  )
})
