/** HEADs ahead: bounded, shared, overtaken by demanded ones, cancellable. */
import t from 'tap'
import { HeadAhead } from '../../src/cache/head-ahead.ts'
import type { ListedVersion } from '../../src/cache/head-ahead.ts'
import { memoryMetaCache } from '../../src/cache/meta-cache.ts'
import { kindOf, plant, setting } from './reader-support.ts'

function make(count: number, options: { ahead?: number; all?: number } = {}) {
  const { clock, memory, counting, faulty } = setting({}, { delay: [5, 20] })
  const listed: ListedVersion[] = []
  for (let at = 0; at < count; at++) {
    const { key, etag } = plant(memory, `k${at}`, 10)
    listed.push({ key, etag, modified: clock.now() })
  }
  const meta = memoryMetaCache()
  const heads = new HeadAhead({ store: counting, meta, ...options })
  return { clock, memory, counting, faulty, listed, meta, heads }
}

t.test('all of a listing, bounded, once in a version’s life', async t => {
  const { clock, counting, listed, meta, heads } = make(200)
  await clock.run(heads.start(listed).done)
  t.equal(counting.count('head'), 200)
  t.equal(counting.peak('head'), 24)
  t.ok(listed.every(({ key, etag, modified }) => meta.get(key, etag, modified) !== undefined))
  await clock.run(heads.start(listed).done)
  t.equal(counting.count('head'), 200)
})

t.test('a demanded HEAD jumps the queue and shares', async t => {
  const { clock, counting, listed, heads } = make(300, { ahead: 4, all: 5 })
  const batch = heads.start(listed)
  const demanded = [heads.get('k250'), heads.get('k250'), heads.get('k0'), heads.get('k251')]
  t.strictSame(
    (await clock.run(Promise.all(demanded))).map(head => head.key),
    ['k250', 'k250', 'k0', 'k251'],
  )
  t.ok(counting.count('head') < 30)
  t.ok(counting.peak('head') <= 5)
  await clock.run(batch.done)
  t.equal(counting.count('head'), 300)
})

t.test('cancelled: what nobody waits for stops', async t => {
  const { clock, counting, listed, heads } = make(100, { ahead: 10 })
  const batch = heads.start(listed)
  const other = heads.start(listed.slice(0, 2))
  const demanded = heads.get('k50')
  batch.cancel()
  await batch.done
  await clock.run(Promise.all([demanded, other.done]))
  await clock.pass(1000)
  t.equal(heads.running, 0)
  t.equal(counting.calls.filter(call => call.outcome === 'ok').length, 3)
  t.equal((await clock.run(heads.get('k5'))).key, 'k5')
})

t.test('a missing object is not-found for its asker only', async t => {
  const { clock, memory, listed, heads } = make(10)
  await memory.delete('k3')
  const batch = heads.start(listed)
  const missing = kindOf(heads.get('k3'))
  t.equal((await clock.run(heads.get('k4'))).key, 'k4')
  t.equal(await clock.run(missing), 'not-found')
  await clock.run(batch.done)
})

t.test('found by the listing’s finer time too', async t => {
  const { clock, listed, meta, heads } = make(1)
  const fine = listed.map(version => ({ ...version, modified: version.modified + 123 }))
  await clock.run(heads.start(fine).done)
  for (const { key, etag, modified } of [...fine, ...listed]) t.ok(meta.get(key, etag, modified))
})

t.test('close', async t => {
  const { clock, listed, heads } = make(50)
  const batch = heads.start(listed)
  const some = [kindOf(heads.get('k1')), kindOf(heads.get('k49'))]
  heads.close()
  t.strictSame(await clock.run(Promise.all(some)), ['aborted', 'aborted'])
  await clock.run(batch.done)
  t.equal(await kindOf(heads.get('k1')), 'aborted')
  t.equal(clock.pending, 0)
})
