/** The faulty and the counting decorator do what they say, and repeat for a seed. */
import t from 'tap'
import { StoreError } from '../../../src/core/errors.ts'
import { CountingStore } from '../../../src/store/memory/counting.ts'
import { FaultyStore } from '../../../src/store/memory/faults.ts'
import type { Fault, FaultOptions } from '../../../src/store/memory/faults.ts'
import { MemoryStore } from '../../../src/store/memory/memory-store.ts'
import type { Sink } from '../../../src/store/store.ts'
import { VirtualClock, seeded } from '../../support/virtual-clock.ts'

const body = Uint8Array.from({ length: 10_000 }, (_, at) => at % 251)

interface Setting {
  clock: VirtualClock
  memory: MemoryStore
  counting: CountingStore
  faulty: FaultyStore
}

function make(options: Partial<FaultOptions> = {}, seed = 1): Setting {
  const clock = new VirtualClock()
  const memory = new MemoryStore({ clock, random: seeded(seed) })
  const counting = new CountingStore(memory)
  const faulty = new FaultyStore(counting, { clock, random: seeded(seed), chunk: 1000, ...options })
  return { clock, memory, counting, faulty }
}

function collect(): Sink & { bytes: number[]; begun: number } {
  let memory = new Uint8Array(0)
  return {
    bytes: [],
    begun: 0,
    begin() {
      this.begun++
    },
    next: () => (memory = new Uint8Array(777)),
    filled(count) {
      this.bytes.push(...memory.subarray(0, count))
    },
  }
}

async function kindOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'ok'
  } catch (error) {
    return error instanceof StoreError ? error.kind : 'not a StoreError'
  }
}

t.test('scripted faults, before and after the effect', async t => {
  const { clock, memory, counting, faulty } = make()
  faulty.failNext('put', 'refused')
  t.equal(await kindOf(faulty.put('k', body, { meta: { user: {} } })), 'unavailable')
  t.equal(memory.count, 0)
  faulty.failNext('put', 'lost')
  t.equal(await kindOf(faulty.put('k', body, { meta: { user: {} } })), 'unavailable')
  t.equal(memory.count, 1)
  faulty.failNext('any', 'denied', 2, 'k')
  t.equal(await kindOf(faulty.head('other')), 'not-found')
  t.equal(await kindOf(faulty.head('k')), 'denied')
  t.equal(await kindOf(faulty.head('k')), 'denied')
  t.equal(await kindOf(faulty.head('k')), 'ok')
  faulty.failNext('head', 'stalled')
  t.equal(await clock.run(kindOf(faulty.head('k'))), 'timeout')
  const abort = new AbortController()
  faulty.failNext('head', 'stalled')
  clock.after(5, () => abort.abort())
  t.equal(await clock.run(kindOf(faulty.head('k', abort.signal))), 'aborted')
  t.equal(clock.pending, 0)
  t.equal(counting.count('put'), 1)
  t.equal(counting.count('head', 'k'), 1)
})

t.test('bodies break off, and what came is good', async t => {
  for (const [fault, kind] of [
    ['torn', 'unavailable'],
    ['short', 'corrupt'],
  ] satisfies [Fault, string][]) {
    const { faulty } = make()
    await faulty.put('k', body, { meta: { user: {} } })
    faulty.failNext('get', fault)
    const sink = collect()
    t.equal(await kindOf(faulty.get('k', {}, sink)), kind)
    t.equal(sink.begun, 1)
    t.ok(sink.bytes.length < body.length)
    t.strictSame(sink.bytes, [...body.subarray(0, sink.bytes.length)])
    const whole = collect()
    t.equal(await kindOf(faulty.get('k', {}, whole)), 'ok')
    t.strictSame(whole.bytes, [...body])
  }
})

t.test('nothing arrives after an abort', async t => {
  const { clock, faulty } = make({ delay: [1, 10] })
  await clock.run(faulty.put('k', body, { meta: { user: {} } }))
  const abort = new AbortController()
  const sink = collect()
  clock.after(40, () => abort.abort())
  t.equal(await clock.run(kindOf(faulty.get('k', { signal: abort.signal }, sink))), 'aborted')
  const then = sink.bytes.length
  await clock.pass(10_000)
  t.equal(sink.bytes.length, then)
})

async function run(seed: number): Promise<string[]> {
  const rates = { refused: 0.2, lost: 0.2, throttled: 0.1, torn: 0.1, stalled: 0.05 }
  const { clock, faulty } = make({ rates, delay: [1, 100] }, seed)
  const results: string[] = []
  for (let at = 0; at < 40; at++) {
    results.push(await clock.run(kindOf(faulty.put('k', body, { meta: { user: {} } }))))
    results.push(await clock.run(kindOf(faulty.get('k', {}, collect()))), String(clock.now()))
  }
  return results
}

t.test('a seed repeats a run', async t => {
  t.strictSame(await run(7), await run(7))
  t.notSame(await run(7), await run(8))
})

t.test('killed: nothing settles, what was under way happened or not', async t => {
  const happened = new Set<boolean>()
  for (let seed = 0; seed < 20; seed++) {
    const { clock, memory, faulty } = make({ delay: [5, 10] }, seed)
    let settled = false
    const mark = (): void => void (settled = true)
    void faulty.put('k', body, { meta: { user: {} } }).then(mark, mark)
    await clock.pass(1)
    faulty.kill()
    void faulty.put('later', body, { meta: { user: {} } }).then(mark, mark)
    await clock.pass(100_000)
    t.notOk(settled)
    const { objects } = await memory.list({ prefix: '' })
    t.notOk(objects.some(object => object.key === 'later'))
    happened.add(objects.length === 1)
  }
  t.equal(happened.size, 2)
})
