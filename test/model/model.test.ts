/**
 * Random sequences of file operations: the core answers as POSIX says, at each step, and the bucket holds the same
 * in the end, and nothing else. A failure is cut down to a short script. PAILFS_RUNS sets the number of sequences.
 */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { CoreOptions } from '../support/core.ts'
import { opSequences, script } from '../support/file-ops.ts'
import { compare } from './compare.ts'

const RUNS = Number(process.env['PAILFS_RUNS'] ?? 150)
/** For many runs. */
const LONG = { timeout: 36_000_000 }

t.setTimeout(LONG.timeout)

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

t.test('short sequences', LONG, async t => {
  await check(t, 30, RUNS * 4, {})
})

t.test('long sequences', LONG, async t => {
  await check(t, 300, RUNS, {})
})

t.test('every answer takes its time', LONG, async t => {
  await check(t, 200, RUNS, { faults: { delay: [0, 300] } })
})

t.test('nothing is remembered: --metadata-ttl=0', LONG, async t => {
  await check(t, 100, RUNS, { fs: { metadataTtl: 0 } })
})

t.test('close waits: --write-back=0', LONG, async t => {
  await check(t, 100, RUNS, { rest: 0, fs: { closeWaits: true } })
})

t.test('a server without conditions and part copies', LONG, async t => {
  const features = {
    conditionalPut: false,
    createExclusive: false,
    partCopy: false,
    deleteBatch: 1,
  }
  await check(t, 100, RUNS, { store: { features } })
})
