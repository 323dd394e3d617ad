/** Stages against plain bytes: random writes, truncations and fills, reopened at random points. */
import fc from 'fast-check'
import t from 'tap'
import type { Source } from '../../src/core/state.ts'
import type { Journal, Stage } from '../../src/journal/journal.ts'
import { contents, makers } from './subjects.ts'

type Step =
  | { readonly do: 'write' | 'fill'; readonly at: number; readonly length: number }
  | { readonly do: 'truncate'; readonly size: number }
  | { readonly do: 'restart' | 'sync' | 'reopen' }

const LARGEST = 40_000
const offset = fc.oneof(fc.nat(LARGEST), fc.nat(20), fc.constantFrom(4095, 4096, 8192, 20_000))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      at: offset,
      length: fc.integer({ min: 1, max: 20_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('fill' as const), at: offset, length: fc.nat(20_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('truncate' as const), size: offset }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('restart' as const, 'sync' as const, 'reopen' as const),
    }),
  },
)

const baseByte = (at: number) => 1 + ((at * 7) % 97)

for (const make of makers) {
  t.test(make.name, async t => {
    const subject = await make()
    let seed = 100
    const run = async (size: number | undefined, steps: readonly Step[]) => {
      const base: Source | undefined =
        size === undefined ? undefined : { key: 'k', etag: 'e', size }
      const baseBytes = Uint8Array.from({ length: size ?? 0 }, (_, at) => baseByte(at))
      let journal: Journal = subject.journal
      let stage: Stage = journal.createStage(base)
      const { id } = stage
      let model: Uint8Array = baseBytes.slice()
      let changes = 0
      for (const one of steps) {
        if (one.do === 'write') {
          const bytes = new Uint8Array(one.length).fill(seed++ % 256)
          await stage.write(bytes, one.at)
          const next = new Uint8Array(Math.max(model.length, one.at + one.length))
          next.set(model)
          next.set(bytes, one.at)
          model = next
          changes++
        } else if (one.do === 'truncate') {
          if (one.size !== model.length) changes++
          await stage.truncate(one.size)
          const next = new Uint8Array(one.size)
          next.set(model.subarray(0, one.size))
          model = next
        } else if (one.do === 'fill') {
          const end = Math.min(one.at + one.length, stage.baseLimit)
          const before = stage.modified()
          if (end > one.at) await stage.fill(baseBytes.slice(one.at, end), one.at)
          t.ok(Math.abs(stage.modified() - before) < 1)
        } else if (one.do === 'sync') await journal.sync()
        else {
          stage.close()
          if (one.do === 'restart') journal = await subject.restart()
          stage = journal.openStage(id)
          changes = one.do === 'restart' ? 0 : stage.revision
        }
        if (stage.revision !== changes || stage.size !== model.length) return false
        if (stage.own.some(range => range.end > stage.baseLimit)) return false
        if (stage.baseLimit > stage.size) return false
      }
      const same = Buffer.compare(await contents(journal, id, baseBytes), model) === 0
      journal.removeStage(id)
      return same
    }
    await fc.assert(
      fc.asyncProperty(
        fc.option(fc.constantFrom(0, 10, 4096, 30_000), { nil: undefined }),
        fc.array(step, { maxLength: 14 }),
        run,
      ),
      { numRuns: 150 },
    )
    await subject.end()
  })
}
