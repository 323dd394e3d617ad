/** Staged files that were being changed when the machine went down: known at the next start, whoever made them when. */
import { cpSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import t from 'tap'
import { silentLog } from '../../src/core/ports.ts'
import type { KeyRecord } from '../../src/core/state.ts'
import type { Journal, Stage } from '../../src/journal/journal.ts'
import { openJournal } from '../../src/journal/lmdb-journal.ts'
import { freshFolder } from './subjects.ts'

const open = (folder: string, boot: string) => {
  return openJournal({ folder, boot, stagingLimit: 1 << 30, log: silentLog })
}
const some = (size = 4096) => new Uint8Array(size).fill(7)

function name(journal: Journal, key: string, stage: Stage): void {
  const content = { from: 'stage', stage: stage.id } as const
  const record: KeyRecord = {
    key,
    desired: { is: 'present', content, meta: { user: {} } },
    stored: { is: 'absent' },
  }
  journal.commit({ put: [record], remove: [] })
}

/** The folder as the machine leaves it when it goes down now; its doubtful keys at a start after `boot`. */
async function doubtfulAfter(folder: string, boot: string): Promise<string[]> {
  const copy = freshFolder()
  const filter = (path: string) => !/lock/.test(basename(path))
  cpSync(folder, copy, { recursive: true, filter })
  const journal = await open(copy, boot)
  const keys = [...journal.doubtful].sort()
  await journal.close()
  rmSync(copy, { recursive: true })
  return keys
}

t.test('a staged file is doubtful from its first change after a sync to the next sync', async t => {
  const folder = freshFolder()
  const journal = await open(folder, 'one')
  const stages = [journal.createStage(), journal.createStage(), journal.createStage()]
  for (const [at, stage] of stages.entries()) {
    await stage.write(some(), 0)
    name(journal, `k${at}`, stage)
  }
  t.same(await doubtfulAfter(folder, 'two'), ['k0', 'k1', 'k2'], 'all are new')
  await journal.sync()
  t.same(await doubtfulAfter(folder, 'two'), [], 'all are synced')
  await stages[0]!.write(some(), 4096)
  await stages[1]!.truncate(10)
  t.same(await doubtfulAfter(folder, 'two'), ['k0', 'k1'], 'two were changed')
  t.same(await doubtfulAfter(folder, 'one'), [], 'a kill takes nothing')
  await journal.sync()
  t.same(await doubtfulAfter(folder, 'two'), [])
  await stages[2]!.write(some(), 0)
  await journal.checkpoint()
  t.same(await doubtfulAfter(folder, 'two'), [], 'a checkpoint syncs')
  await stages[2]!.write(some(), 0)
  t.same(await doubtfulAfter(folder, 'two'), ['k2'])
  await journal.close()
  t.same(await doubtfulAfter(folder, 'two'), [], 'so does the end')
  rmSync(folder, { recursive: true })
})

t.test('one that is changed while a sync runs stays doubtful', async t => {
  const folder = freshFolder()
  const journal = await open(folder, 'one')
  const stage = journal.createStage()
  name(journal, 'k', stage)
  await stage.write(some(), 0)
  await journal.sync()
  const writing = stage.write(some(1 << 22), 0)
  const syncing = journal.sync()
  await Promise.all([writing, syncing])
  t.same(await doubtfulAfter(folder, 'two'), ['k'])
  await journal.sync()
  t.same(await doubtfulAfter(folder, 'two'), [])
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('one that an earlier run made', async t => {
  const folder = freshFolder()
  const before = await open(folder, 'one')
  const made = before.createStage()
  await made.write(some(), 0)
  name(before, 'k', made)
  await before.close()
  const journal = await open(folder, 'one')
  const stage = journal.openStage(made.id)
  t.same(await doubtfulAfter(folder, 'two'), [])
  await stage.write(some(), 100)
  t.same(await doubtfulAfter(folder, 'two'), ['k'])
  await journal.close()
  rmSync(folder, { recursive: true })
})
