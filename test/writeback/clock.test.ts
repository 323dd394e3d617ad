/** The machine's clock is set back while changes wait to be sent. */
import t from 'tap'
import type { Clock } from '../../src/core/ports.ts'
import { realClock, steadyClock } from '../../src/observe/clock.ts'
import { Core } from '../support/core.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const HOUR = 3_600_000

/** A core as `compose` makes it, on a machine whose clock can be set. */
function machine() {
  const clock = new VirtualClock()
  let offset = 0
  const time: Clock = {
    now: () => clock.now() + offset,
    after: (delay, then) => clock.after(delay, then),
  }
  const fs = { metadataTtl: 2000 }
  const core = new Core({ clock, time, steady: clock, rest: 5000, fs })
  return { core, clock, set: (by: number) => (offset += by) }
}

t.test('what waits is sent when it was due, wherever the clock is set', async t => {
  for (const step of [-HOUR, HOUR]) {
    const { core, clock, set } = machine()
    await core.write('/a', 'before')
    await clock.pass(1000)
    set(step)
    // Another timer is set by the new time, before the old one fires.
    await core.write('/b', 'after')
    await clock.pass(3000)
    t.equal(core.memory.count, 0, 'not too early')
    await clock.pass(3000)
    t.equal(core.memory.count, 2)
    core.stop()
  }
})

t.test('a failed request is made again after its pause', async t => {
  const { core, clock, set } = machine()
  await core.write('/a', 'bytes')
  core.faulty.setRates({ refused: 1 })
  await clock.pass(6000)
  t.equal(core.memory.count, 0)
  set(-HOUR)
  core.faulty.setRates({})
  await clock.pass(40_000)
  t.equal(core.memory.count, 1)
  core.stop()
})

t.test('a listing grows old where the clock is set back, and where the machine sleeps', async t => {
  const put = (core: Core, key: string) =>
    core.memory.put(key, Uint8Array.of(1), { meta: { user: {} } })
  const { core, clock, set } = machine()
  t.strictSame(await core.names('/'), [])
  set(-HOUR)
  await put(core, 'new')
  await clock.pass(1000)
  t.strictSame(await core.names('/'), [], 'not too early')
  await clock.pass(1001)
  t.strictSame(await core.names('/'), ['new'])
  await put(core, 'newer')
  // The steady clock stands still meanwhile.
  set(HOUR)
  t.strictSame(await core.names('/'), ['new', 'newer'])
  core.stop()
})

t.test("the write-back's clock does not follow the machine's", t => {
  const real = Date.now
  t.teardown(() => (Date.now = real))
  const before = steadyClock.now()
  t.ok(Math.abs(before - real()) < HOUR, 'both count from 1970')
  Date.now = () => real() - HOUR
  t.ok(realClock.now() < before)
  t.ok(steadyClock.now() >= before)
  t.end()
})
