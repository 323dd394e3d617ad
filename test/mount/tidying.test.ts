/** When a mount sweeps: only while nothing waits, again after a failure, never after its end. */
import t from 'tap'
import { silentLog } from '../../src/core/ports.ts'
import { ABANDONED, Tidying } from '../../src/mount/tidying.ts'
import { newState } from '../../src/writeback/key-state.ts'
import type { SweepOptions } from '../../src/store/store.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const MINUTE = 60_000
const DAY = 86_400_000

t.test('once a day, while idle', async t => {
  const clock = new VirtualClock()
  const state = newState('k', { is: 'absent' }, { is: 'unknown' }, 0)
  state.upload = { key: 'k', id: 'mine', stage: 's' }
  const asked: SweepOptions[] = []
  let busy = true
  let fails = 0
  const sweep = async (options: SweepOptions) => {
    asked.push(options)
    if (fails-- > 0) throw new Error('no')
    return { segments: 1, bytes: 1 }
  }
  const tidying = new Tidying({
    store: { sweep },
    clock,
    log: silentLog,
    writeBack: { all: () => (busy ? [state] : []) },
  })
  await clock.pass(60 * MINUTE)
  t.equal(asked.length, 0, 'not while something waits')
  busy = false
  await clock.pass(10 * MINUTE)
  t.equal(asked.length, 1)
  t.equal(asked[0]?.age, ABANDONED)
  busy = true
  t.ok(asked[0]?.isKnown('mine'), 'uploads of ours are known, also those begun meanwhile')
  t.notOk(asked[0]?.isKnown('theirs'))
  busy = false
  fails = 1
  await clock.pass(DAY + MINUTE)
  t.equal(asked.length, 2, 'once a day')
  await clock.pass(10 * MINUTE)
  t.equal(asked.length, 3, 'sooner after a failure')
  tidying.close()
  await clock.pass(3 * DAY)
  t.equal(asked.length, 3, 'never after the end')
  t.ok(asked[2]?.signal?.aborted)
  t.equal(clock.pending, 0)
})

t.test('a store without left-overs is not asked', t => {
  const clock = new VirtualClock()
  const tidying = new Tidying({ store: {}, clock, log: silentLog, writeBack: { all: () => [] } })
  t.equal(clock.pending, 0)
  tidying.close()
  t.end()
})
