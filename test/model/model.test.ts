/**
 * Random sequences of file operations: the core answers as POSIX says, at each step, and the bucket holds the same
 * in the end, and nothing else. A failure is cut down to a short script. PAILFS_RUNS sets the number of sequences.
 */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Core, type CoreOptions } from '../support/core.ts'
import {
  bucketDifferences,
  CoreDriver,
  leftovers,
  nowOf,
  sameOutcome,
  treeDifferences,
} from '../support/core-driver.ts'
import { opSequences, script, type Op } from '../support/file-ops.ts'
import { ReferenceModel } from '../support/reference-model.ts'

const RUNS = Number(process.env['PAILFS_RUNS'] ?? 150)

/** Runs the operations on both; rejects at the first difference. */
async function compare(ops: readonly Op[], options: CoreOptions): Promise<void> {
  const core = new Core(options)
  const driver = new CoreDriver(core)
  const model = new ReferenceModel()
  for (const op of ops) {
    const from = nowOf(core)
    const actual = await core.run(driver.apply(op))
    const wanted = model.apply(op, { span: { from, to: nowOf(core) }, actual })
    if (!sameOutcome(op, actual, wanted))
      fail([`${script([op])}: ${show(actual)}, should be ${show(wanted)}`])
  }
  fail(await core.run(treeDifferences(core, model)))
  await core.run(driver.closeAll())
  model.closeAll()
  const left = await core.drain()
  if (left > 0) fail([`${left} keys are left`])
  fail(await bucketDifferences(core, model))
  fail(leftovers(core))
  fail(await core.run(treeDifferences(core, model)))
  const fresh = core.other()
  fail((await core.run(treeDifferences(fresh, model))).map(text => `fresh: ${text}`))
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one))
}

function fail(differences: readonly string[]): void {
  if (differences.length > 0) throw new Error(differences.join('\n'))
}

async function check(t: Test, most: number, runs: number, options: CoreOptions): Promise<void> {
  const seed = process.env['PAILFS_SEED']
  const result = await fc.check(
    fc.asyncProperty(opSequences(most), ops => compare(ops, options)),
    { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  )
  if (!result.failed) return void t.pass(`${result.numRuns} sequences`)
  const [ops] = result.counterexample ?? [[]]
  const cause = result.errorInstance
  t.fail(`seed ${result.seed}, after ${result.numRuns}`)
  t.comment(`${script(ops)}\n${cause instanceof Error ? cause.stack : String(cause)}`)
}

t.test('short sequences', async t => {
  await check(t, 30, RUNS * 4, {})
})

t.test('long sequences', async t => {
  await check(t, 300, RUNS, {})
})

t.test('every answer takes its time', async t => {
  await check(t, 200, RUNS, { faults: { delay: [0, 300] } })
})

t.test('nothing is remembered: --metadata-ttl=0', async t => {
  await check(t, 100, RUNS, { fs: { metadataTtl: 0 } })
})

t.test('close waits: --write-back=0', async t => {
  await check(t, 100, RUNS, { rest: 0, fs: { closeWaits: true } })
})

t.test('a server without conditions and part copies', async t => {
  const features = {
    conditionalPut: false,
    createExclusive: false,
    partCopy: false,
    deleteBatch: 1,
  }
  await check(t, 100, RUNS, { store: { features } })
})
