/** The patient store, over the memory store with faults, in virtual time. */
import fc from 'fast-check'
import t from 'tap'
import { StoreError, type StoreErrorKind } from '../../src/core/errors.ts'
import { FaultyStore } from '../../src/store/memory/faults.ts'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import { retryDelay, withRetry, type RetryOptions } from '../../src/store/retry.ts'
import { CheckedSink, bytes, noMeta, read, text } from '../conformance/support.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const half = (): number => 0.5
const fault = (kind: StoreErrorKind, retryAfter?: number): StoreError =>
  new StoreError(kind, kind, {
    operation: 'x',
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })

function setup(options: Partial<RetryOptions> = {}) {
  const clock = new VirtualClock()
  const memory = new MemoryStore({ clock, random: half })
  const faulty = new FaultyStore(memory, { clock, random: half })
  const store = withRetry(faulty, { clock, random: half, ...options })
  return { clock, memory, faulty, store }
}
const kind = (of: StoreErrorKind): Error => ({ kind: of }) as unknown as Error

t.test('the wait', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, chance) => {
        const options = { random: () => chance, attempts: 100, deadline: Infinity }
        const wait = retryDelay(fault('unavailable'), attempt, 0, options) as number
        return wait > 0 && wait <= 30_000
      },
    ),
  )
})

t.test('when there is none', async t => {
  const options = { random: half, attempts: 3, deadline: 10_000 }
  t.equal(retryDelay(fault('denied'), 1, 0, options), undefined)
  t.equal(retryDelay(new Error('bug'), 1, 0, options), undefined)
  t.equal(retryDelay(fault('unavailable'), 3, 0, options), undefined)
  t.equal(retryDelay(fault('unavailable'), 1, 10_000, options), undefined)
  t.equal(retryDelay(fault('throttled', 11_000), 1, 0, options), undefined)
  t.equal(retryDelay(fault('throttled', 4_000), 1, 0, options), 4_000)
})

t.test('passing failures pass', async t => {
  const { clock, faulty, store } = setup()
  for (const kind of ['refused', 'throttled', 'lost'] as const) faulty.failNext('put', kind)
  await clock.run(store.put('a', bytes('x'), { meta: noMeta }))
  t.equal(text(await clock.run(read(store, 'a'))), 'x')
})

t.test('others do not, and attempts end', async t => {
  const { clock, faulty, store } = setup({ attempts: 3 })
  faulty.failNext('head', 'denied')
  await t.rejects(clock.run(store.head('a')), kind('denied'))
  for (let i = 0; i < 3; i++) faulty.failNext('head', 'refused')
  await t.rejects(clock.run(store.head('a')), kind('unavailable'))
  await t.rejects(clock.run(store.head('a')), kind('not-found'))
})

t.test('a body that was begun is not fetched again', async t => {
  const { clock, faulty, memory, store } = setup()
  await memory.put('a', new Uint8Array(300_000), { meta: noMeta })
  faulty.failNext('get', 'torn')
  const sink = new CheckedSink()
  await t.rejects(clock.run(store.get('a', {}, sink)), kind('unavailable'))
  t.strictSame(sink.faults, [])
  faulty.failNext('get', 'refused')
  t.equal((await clock.run(read(store, 'a'))).length, 300_000, 'one that was not is')
})

t.test('a signal ends the wait', async t => {
  const { clock, faulty, store } = setup()
  const control = new AbortController()
  for (let i = 0; i < 5; i++) faulty.failNext('head', 'refused')
  clock.after(120, () => control.abort())
  await t.rejects(clock.run(store.head('a', control.signal)), kind('aborted'))
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('a conditional write whose reply was lost knows its own result', async t => {
  const { clock, faulty, store } = setup()
  const meta = { user: { mtime: '1700000000.5' } }
  faulty.failNext('put', 'lost')
  const first = await clock.run(store.put('a', bytes('one'), { meta, ifAbsent: true }))
  const next = { user: { mtime: '1700000001.5' } }
  faulty.failNext('put', 'lost')
  const second = await clock.run(store.put('a', bytes('two'), { meta: next, ifMatch: first.etag }))
  t.equal((await clock.run(store.head('a'))).etag, second.etag)
  faulty.failNext('put', 'lost')
  const unmarked = store.put('a', bytes('six'), { meta: noMeta, ifMatch: second.etag })
  await t.rejects(
    clock.run(unmarked),
    kind('changed'),
    'without a mark of ours it stays a conflict',
  )
  const foreign = store.put('a', bytes('two'), { meta: next, ifMatch: 'other' })
  await t.rejects(clock.run(foreign), kind('changed'), 'a first attempt is never taken for our own')
})
