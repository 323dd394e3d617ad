/** What a crash of the simulated journal takes, and what it must not. */
import fc from 'fast-check'
import t from 'tap'
import { MemoryJournal } from '../../src/journal/memory-journal.ts'
import { recover, stagesOf } from '../../src/journal/recovery.ts'
import { byKey, contents, fileRecord } from './subjects.ts'

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

t.test('a kill takes nothing', async t => {
  const journal = new MemoryJournal()
  const stage = journal.createStage()
  await stage.write(new Uint8Array(5000).fill(1), 10)
  journal.commit({ put: [fileRecord('a', stage.id)], remove: [] })
  journal.crash('kill')
  await t.rejects(stage.write(new Uint8Array(1), 0), { message: /^EIO/ })
  const next = journal.reopen()
  t.strictSame(byKey(next.records()), { a: fileRecord('a', stage.id) })
  t.equal((await contents(next, stage.id))[5009], 1)
})

t.test(
  'a power cut takes nothing that was synced, and leaves a prefix of the commits',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(10),
        fc.nat(10),
        fc.nat(3),
        async (seed, before, after, again) => {
          let journal = new MemoryJournal()
          const stages: string[] = []
          const add = async (n: number) => {
            const stage = journal.createStage(
              n % 2 ? { key: 'k', etag: 'e', size: 100 } : undefined,
            )
            await stage.write(new Uint8Array(50).fill(n + 1), 25)
            journal.commit({ put: [fileRecord(`k${n}`, stage.id)], remove: [] })
            stages.push(stage.id)
          }
          for (let n = 0; n < before; n++) await add(n)
          await journal.sync()
          for (let n = before; n < before + after; n++) await add(n)
          for (let n = 0; n < Math.min(before, again); n++) {
            journal.commit({ put: [], remove: [`k${n}`] })
            journal.removeStage(stages[n]!)
          }
          journal.crash('power', seeded(seed))
          journal = journal.reopen()
          const records = byKey(journal.records())
          const found = recover({
            records: journal.records(),
            stages: journal.stages(),
            doubtful: journal.doubtful,
          })
          if (found.missing.length > 0) return false
          for (let n = 0; n < before; n++) {
            const record = records[`k${n}`]
            if (record === undefined && n < again) continue
            if (record === undefined) return false
            const bytes = await contents(journal, stagesOf(record)[0]!, new Uint8Array(100))
            if (bytes.length !== (n % 2 ? 100 : 75) || bytes[74] !== n + 1) return false
          }
          // A later commit is there only if all before it are.
          const there = Array.from(
            { length: after },
            (_, n) => records[`k${before + n}`] !== undefined,
          )
          return !there.some((is, n) => is && !there.slice(0, n).every(Boolean))
        },
      ),
      { numRuns: 300 },
    )
  },
)

t.test('a full disk', async t => {
  const journal = new MemoryJournal()
  const stage = journal.createStage()
  journal.setFull(true)
  await t.rejects(stage.write(new Uint8Array(1), 0), { message: /^ENOSPC/ })
  t.throws(() => journal.commit({ put: [fileRecord('a')], remove: [] }), { message: /^ENOSPC/ })
  journal.setFull(false)
  t.strictSame(byKey(journal.records()), {})
  t.equal(stage.size, 0)
})

t.test('overlapping syncs, ended in any order', async t => {
  const waiting: (() => void)[] = []
  const journal = new MemoryJournal({
    pause: () => new Promise<void>(resolve => void waiting.push(resolve)),
  })
  journal.commit({ put: [fileRecord('a')], remove: [] })
  const one = journal.sync()
  journal.commit({ put: [fileRecord('b')], remove: [] })
  const two = journal.sync()
  for (let turn = 0; turn < 4; turn++) {
    waiting.pop()?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all([one, two])
  journal.crash('power', () => 0)
  t.strictSame(Object.keys(byKey(journal.reopen().records())), ['a', 'b'])
})
