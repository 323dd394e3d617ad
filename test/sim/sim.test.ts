/**
 * The simulator (world.ts) over many seeds. PAILFS_SEEDS sets how many lives of each kind, PAILFS_SEED=n replays one
 * and prints what was done; without either as many as fit into a minute.
 */
import t, { type Test } from 'tap'
import { show, World, type SimOptions } from './world.ts'

const ONE = process.env['PAILFS_SEED']
const SEEDS = Number(process.env['PAILFS_SEEDS'] ?? 150)
/** For each kind of life, unless a number of seeds was asked for. */
const LIMIT_MS = process.env['PAILFS_SEEDS'] === undefined ? 12_000 : Infinity

/** A minute is not enough for many seeds. */
const LONG = { timeout: 36_000_000 }

const CALM: SimOptions = { steps: 60, crash: 'none', between: 0, rates: {}, fsync: 'bucket' }
const ROUGH = { refused: 0.05, lost: 0.08, throttled: 0.03, stalled: 0.01, torn: 0.1, short: 0.05 }

t.setTimeout(LONG.timeout)

async function lives(t: Test, options: SimOptions): Promise<void> {
  const started = performance.now()
  let crashes = 0
  let count = 0
  const first = ONE === undefined ? 1 : Number(ONE)
  const last = ONE === undefined ? SEEDS : first
  for (let seed = first; seed <= last && performance.now() - started < LIMIT_MS; seed++) {
    const world = new World(seed, options)
    try {
      await world.live()
      crashes += world.crashes
      count += 1
    } catch (error) {
      t.fail(`PAILFS_SEED=${seed}: ${error instanceof Error ? error.message : show(error)}`)
      t.comment(world.history.slice(ONE === undefined ? -12 : 0).join('\n'))
      if (ONE !== undefined && error instanceof Error) t.comment(error.stack ?? '')
      return
    }
  }
  t.pass(`${count} lives, ${crashes} crashes`)
}

t.test('answers take their time', LONG, t => lives(t, CALM))

t.test('a bad network', LONG, t => lives(t, { ...CALM, rates: ROUGH }))

t.test('killed at any await', LONG, t => lives(t, { ...CALM, crash: 'kill', between: 15 }))

t.test('killed on a bad network', LONG, t =>
  lives(t, { ...CALM, crash: 'kill', between: 25, rates: ROUGH }),
)

t.test('killed, on a server without conditions', LONG, t => {
  const features = {
    conditionalPut: false,
    createExclusive: false,
    partCopy: false,
    deleteBatch: 1,
  }
  return lives(t, { ...CALM, crash: 'kill', between: 25, rates: ROUGH, store: { features } })
})

t.test('power cuts, fsync to the bucket', LONG, t =>
  lives(t, { ...CALM, crash: 'power', between: 25, rates: ROUGH }),
)

t.test('power cuts, fsync to the journal', LONG, t =>
  lives(t, { ...CALM, crash: 'power', between: 25, rates: ROUGH, fsync: 'journal' }),
)
