/** The reader's rules one by one: what is asked of the store, who shares, what happens on failures. */
import t from 'tap'
import { CachedReader } from '../../src/cache/object-reader.ts'
import { PAGE_SIZE } from '../../src/core/page.ts'
import { initialWindow, advance } from '../../src/core/window.ts'
import type { GetOptions, Sink } from '../../src/store/store.ts'
import { idle } from '../support/virtual-clock.ts'
import { MIB, KIB, firstBad, kindOf, plant, setting } from './reader-support.ts'

t.test('a read gives the bytes, short only at the end', async t => {
  const { memory, reader, counting } = setting()
  const version = plant(memory, 'k', 300_000)
  for (const [offset, length, expected] of [
    [0, 10, 10],
    [PAGE_SIZE - 5, 10, 10],
    [0, 300_000, 300_000],
    [299_990, 100, 10],
    [300_000, 10, 0],
    [400_000, 10, 0],
  ] as const) {
    const into = new Uint8Array(length)
    t.equal(await reader.read(version, offset, into, undefined), expected)
    t.equal(firstBad(into.subarray(0, expected), offset), -1)
  }
  t.equal(counting.count('get'), 3, 'a page each')
  t.same(reader.state.loading, 0)
})

t.test('two readers of one page share one GET', async t => {
  const { clock, memory, reader, counting } = setting({}, { delay: [5, 50] })
  const version = plant(memory, 'k', 3 * MIB)
  const reads = [0, 0, 100, PAGE_SIZE - 200].map(offset => {
    const into = new Uint8Array(200)
    return reader.read(version, offset, into, undefined).then(() => firstBad(into, offset))
  })
  t.strictSame(await clock.run(Promise.all(reads)), [-1, -1, -1, -1])
  t.equal(counting.count('get'), 1)
})

t.test('a page answers before its GET has ended', async t => {
  const { clock, memory, reader, counting } = setting({}, { delay: [5, 5], chunk: 64 * KIB })
  const version = plant(memory, 'k', 8 * MIB)
  const into = new Uint8Array(4096)
  await clock.run(reader.read(version, 0, into, { start: 4096, end: 8 * MIB }))
  t.equal(counting.count('get'), 1)
  t.equal(counting.running('get'), 1, 'it goes on')
  t.ok(reader.state.loading > 40)
})

t.test('reading on costs about one GET for 8 MiB', async t => {
  const { clock, memory, reader, counting } = setting({ cacheBytes: 128 * MIB }, { delay: [1, 3] })
  const size = 256 * MIB
  const version = memory.plant('k', size, (_, into) => void into.fill(1))
  const into = new Uint8Array(PAGE_SIZE)
  const walk = async (): Promise<void> => {
    let window = initialWindow()
    for (let offset = 0; offset < size; offset += PAGE_SIZE) {
      const limits = { min: 256 * KIB, max: 32 * MIB }
      const next = advance(window, offset, PAGE_SIZE, size, limits)
      window = next.window
      t.ok((await reader.read(version, offset, into, next.ahead)) === PAGE_SIZE || t.fail())
      if (reader.bytes > 128 * MIB) t.fail('over the bound')
    }
  }
  await clock.run(walk())
  const gets = counting.count('get')
  t.ok(gets <= 256 / 8 + 16, `${gets} GETs`)
  t.ok(counting.peak('get') > 2, 'several at once')
  t.ok(counting.peak('get') <= 9)
  t.equal(reader.state.loading, 0)
})

t.test('an error in the middle of a body: the rest is fetched, no byte twice', async t => {
  const { clock, memory, reader, counting, faulty } = setting({}, { delay: [1, 2] })
  const version = plant(memory, 'k', 2 * MIB)
  faulty.failNext('get', 'torn', 3)
  const into = new Uint8Array(2 * MIB)
  await clock.run(reader.read(version, 0, into, undefined))
  t.equal(firstBad(into, 0), -1)
  t.equal(counting.count('get'), 4)
  const starts = counting.calls.map(call => call.range?.start ?? 0)
  t.strictSame(
    starts,
    [...starts].sort((a, b) => a - b),
  )
  t.ok((starts.at(-1) ?? 0) > 0, 'resumed')
  t.ok(counting.calls.every(call => call.range?.end === 2 * MIB))
})

t.test('a store that stays away: timeout with its cause, and the frames come back', async t => {
  const { clock, memory, reader, faulty } = setting({ readTimeout: 10_000 }, { delay: [1, 2] })
  const version = plant(memory, 'k', MIB)
  plant(memory, 'other', MIB)
  for (const fault of ['refused', 'stalled', 'throttled', 'short'] as const) {
    faulty.setRates({ [fault]: 1 })
    const start = clock.now()
    const read = reader.read(version, 0, new Uint8Array(10), undefined)
    const error: unknown = await clock.run(
      read.then(
        () => undefined,
        (error: unknown) => error,
      ),
    )
    t.match(error, { kind: 'timeout', details: { cause: Error } }, fault)
    t.ok(clock.now() - start <= 10_001)
    const opened = clock.now()
    t.equal(await clock.run(kindOf(reader.revalidate('other', undefined))), 'timeout')
    t.ok(clock.now() - opened <= 10_001)
    await clock.pass(60_000)
    t.equal(reader.state.loading, 0)
    t.equal(clock.pending, 0)
  }
  faulty.setRates({})
  t.equal(await clock.run(reader.read(version, 0, new Uint8Array(10), undefined)), 10)
})

t.test('one stalled connection does not cost the read', async t => {
  const { clock, memory, reader, faulty } = setting({}, { delay: [1, 2], stallLimit: 1e9 })
  const version = plant(memory, 'k', MIB)
  faulty.failNext('get', 'stalled')
  t.equal(await clock.run(reader.read(version, 0, new Uint8Array(10), undefined)), 10)
  faulty.failNext('get', 'stalled')
  t.equal((await clock.run(reader.revalidate('k', undefined))).size, MIB)
})

t.test('a replaced or deleted object is `changed`, at once', async t => {
  const { memory, reader, counting } = setting()
  const version = plant(memory, 'k', MIB)
  plant(memory, 'k', MIB, 1)
  t.equal(await kindOf(reader.read(version, 0, new Uint8Array(10), undefined)), 'changed')
  await memory.delete('k')
  t.equal(await kindOf(reader.read(version, 0, new Uint8Array(10), undefined)), 'changed')
  t.equal(counting.count('get'), 2)
  t.equal(await kindOf(reader.revalidate('k', undefined)), 'not-found')
})

t.test('a server that ignores If-Match gets no byte of another version in', async t => {
  const { clock, memory } = setting()
  const version = plant(memory, 'k', MIB)
  plant(memory, 'k', MIB, 1)
  const deaf = new Proxy(memory, {
    get: (store, name) =>
      name === 'get'
        ? (key: string, options: GetOptions, sink: Sink) =>
            store.get(key, options.range === undefined ? {} : { range: options.range }, sink)
        : Reflect.get(store, name, store),
  })
  const reader = new CachedReader({ store: deaf, clock, random: Math.random })
  const into = new Uint8Array(10)
  t.equal(await kindOf(reader.read(version, 0, into, undefined)), 'changed')
  t.same(into, new Uint8Array(10))
  t.equal(reader.state.loading, 0)
  t.equal(clock.pending, 0)
})

t.test('revalidate: one request, and the first page comes along', async t => {
  const { memory, reader, counting } = setting()
  const version = plant(memory, 'k', 200_000)
  const head = await reader.revalidate('k', undefined)
  t.match(head, version)
  t.strictSame(
    counting.calls.map(call => call.operation),
    ['get'],
  )
  const into = new Uint8Array(PAGE_SIZE)
  await reader.read(head, 0, into, undefined)
  t.equal(firstBad(into, 0), -1)
  t.equal(counting.count(), 1)
  await reader.revalidate('k', head.etag)
  t.strictSame(
    counting.calls.map(call => call.operation),
    ['get', 'head'],
  )
  t.equal((await reader.revalidate('k', 'other')).etag, head.etag)
  t.equal(counting.count('get'), 2)
  t.equal(reader.state.loading, 0)
  const big = setting({ firstFetch: 3 * PAGE_SIZE })
  plant(big.memory, 'k', MIB)
  await big.reader.revalidate('k', undefined)
  t.equal(big.reader.state.ready, 3)
})

t.test('revalidate: empty objects', async t => {
  const { memory, reader, counting } = setting()
  const { etag } = await memory.put('empty', new Uint8Array(0), { meta: { user: {} } })
  const head = await reader.revalidate('empty', undefined)
  t.match(head, { size: 0, etag })
  t.strictSame(
    counting.calls.map(call => call.operation),
    ['get', 'head'],
  )
  t.equal(await reader.read(head, 0, new Uint8Array(10), undefined), 0)
  t.equal(reader.state.loading, 0)
})

t.test('revalidate goes on after passing errors, torn ones too', async t => {
  const { clock, memory, reader, faulty } = setting({}, { delay: [1, 2], chunk: 1000 })
  const version = plant(memory, 'k', MIB)
  faulty.failNext('get', 'torn', 2)
  faulty.failNext('get', 'throttled', 2)
  const opening = reader.revalidate('k', undefined)
  t.match(await clock.run(opening), version)
  t.equal(reader.state.loading, 0)
  const into = new Uint8Array(PAGE_SIZE)
  await clock.run(reader.read(version, 0, into, undefined))
  t.equal(firstBad(into, 0), -1)
})

t.test('a reader that waits for the page of an open that fails', async t => {
  const { clock, memory, reader, faulty } = setting({}, { delay: [1, 2], chunk: 1000 })
  const version = plant(memory, 'k', MIB)
  faulty.failNext('get', 'torn')
  const opening = kindOf(reader.revalidate('k', undefined))
  while (reader.state.loading === 0) await clock.pass(1)
  const into = new Uint8Array(10)
  await clock.run(reader.read(version, 0, into, undefined))
  t.equal(firstBad(into, 0), -1)
  t.equal(await clock.run(opening), 'ok')
})

t.test('quiet stops read-ahead, but not what somebody waits for', async t => {
  const { clock, memory, reader, counting } = setting({}, { delay: [5, 5], chunk: 64 * KIB })
  const version = plant(memory, 'k', 16 * MIB)
  await clock.run(reader.read(version, 0, new Uint8Array(10), { start: 10, end: 16 * MIB }))
  t.equal(counting.running('get'), 2)
  const into = new Uint8Array(10)
  const late = reader.read(version, 4 * MIB, into, undefined)
  reader.quiet(version)
  await idle()
  t.equal(counting.running('get'), 1)
  await clock.run(late)
  t.equal(firstBad(into, 4 * MIB), -1)
  reader.quiet(version)
  await idle()
  t.equal(counting.running('get'), 0)
  t.equal(reader.state.loading, 0)
  const again = reader.read(version, 12 * MIB, into, { start: 12 * MIB + 10, end: 16 * MIB })
  await clock.run(again)
  reader.quiet(version)
  const rescued = reader.read(version, 15 * MIB, into, undefined)
  await clock.run(rescued)
  t.equal(firstBad(into, 15 * MIB), -1, 'a demand that comes while the abort is under way')
})

t.test('a seek into what is read ahead does not wait for what lies before', async t => {
  const { clock, memory, reader, counting } = setting({}, { delay: [5, 5], chunk: 64 * KIB })
  const version = plant(memory, 'k', 8 * MIB)
  await clock.run(reader.read(version, 0, new Uint8Array(10), { start: 10, end: 8 * MIB }))
  const before = clock.now()
  const into = new Uint8Array(10)
  await clock.run(reader.read(version, 6 * MIB, into, undefined))
  t.equal(firstBad(into, 6 * MIB), -1)
  t.ok(clock.now() - before < 100, `${clock.now() - before} ms`)
  const rest = new Uint8Array(8 * MIB)
  await clock.run(reader.read(version, 0, rest, undefined))
  t.equal(firstBad(rest, 0), -1)
  t.strictSame(
    counting.calls.map(call => call.range?.start),
    [0, 6 * MIB],
  )
  t.strictSame(
    counting.calls.map(call => call.outcome),
    ['aborted', 'ok'],
  )
  t.equal(reader.state.loading, 0)
})

t.test('cancelled reads reject and leave the memory alone', async t => {
  const { clock, memory, reader } = setting({}, { delay: [5, 5], chunk: 64 * KIB })
  const version = plant(memory, 'k', MIB)
  const abort = new AbortController()
  const into = new Uint8Array(10)
  const read = kindOf(reader.read(version, 0, into, undefined, abort.signal))
  await clock.pass(3)
  abort.abort()
  t.equal(await read, 'aborted')
  await clock.pass(1000)
  t.same(into, new Uint8Array(10))
  t.equal(await kindOf(reader.read(version, 0, into, undefined, abort.signal)), 'aborted')
  t.equal(reader.state.loading, 0)
})

t.test('adopt and alias spare the GET', async t => {
  const { memory, reader, counting } = setting()
  const version = plant(memory, 'k', 2 * PAGE_SIZE + 100)
  const all = new Uint8Array(version.size)
  await memory.get('k', {}, { begin() {}, next: () => all, filled() {} })
  reader.adopt(version, 10, all.subarray(10))
  const into = new Uint8Array(PAGE_SIZE + 100)
  t.equal(await reader.read(version, PAGE_SIZE, into, undefined), PAGE_SIZE + 100)
  t.equal(firstBad(into, PAGE_SIZE), -1)
  t.equal(counting.count(), 0)
  const copy = await memory.copy(version, 'copy', { meta: { user: {} } })
  const other = { key: 'copy', ...copy }
  reader.alias(version, other)
  await memory.delete('k')
  t.equal(await reader.read(other, PAGE_SIZE, into, undefined), PAGE_SIZE + 100)
  t.equal(counting.count(), 0)
  t.equal(await reader.read(other, 0, into, undefined), PAGE_SIZE + 100)
  t.equal(firstBad(into, 0), -1)
  t.equal(counting.count('get', 'copy'), 1)
})

t.test('who waits by another name survives the end of the first', async t => {
  const { clock, memory, reader } = setting({}, { delay: [5, 5] })
  const version = plant(memory, 'k', 2 * PAGE_SIZE)
  await clock.run(reader.read(version, 0, new Uint8Array(1), undefined))
  const copy = await memory.copy(version, 'copy', { meta: { user: {} } })
  const other = { key: 'copy', ...copy }
  reader.alias(version, other)
  await memory.delete('k')
  const into = new Uint8Array(10)
  const reads = [
    kindOf(reader.read(version, PAGE_SIZE, new Uint8Array(10), undefined)),
    kindOf(reader.read(other, PAGE_SIZE, into, undefined)),
  ]
  t.strictSame(await clock.run(Promise.all(reads)), ['changed', 'ok'])
  t.equal(firstBad(into, PAGE_SIZE), -1)
})

t.test('close ends everything', async t => {
  const { clock, memory, reader } = setting({}, { delay: [5, 5] })
  const version = plant(memory, 'k', MIB)
  const read = kindOf(reader.read(version, 0, new Uint8Array(10), { start: 10, end: MIB }))
  const opening = kindOf(reader.revalidate('k', undefined))
  await clock.pass(3)
  reader.close()
  t.strictSame(await clock.run(Promise.all([read, opening])), ['aborted', 'aborted'])
  await idle()
  t.equal(reader.state.loading, 0)
  t.equal(clock.pending, 0)
  t.equal(await kindOf(reader.read(version, 0, new Uint8Array(10), undefined)), 'aborted')
})
