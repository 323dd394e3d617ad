/** Runs operations on the core and on the model, and compares them at each step and in the end. */
import { Core, type CoreOptions } from '../support/core.ts'
import {
  bucketDifferences,
  CoreDriver,
  leftovers,
  nowOf,
  sameOutcome,
  treeDifferences,
} from '../support/core-driver.ts'
import { script, type Op } from '../support/file-ops.ts'
import { ReferenceModel } from '../support/reference-model.ts'

/** Runs the operations on both; rejects at the first difference. */
export async function compare(ops: readonly Op[], options: CoreOptions = {}): Promise<void> {
  const core = new Core(options)
  const driver = new CoreDriver(core)
  const model = new ReferenceModel()
  for (const op of ops) {
    const from = nowOf(core)
    const actual = await core.run(driver.apply(op))
    const wanted = model.apply(op, { span: { from, to: nowOf(core) + 999_999n }, actual })
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
