/** Range and extent arithmetic against a model: one boolean for each byte. */
import fc from 'fast-check'
import t from 'tap'
import * as extents from '../../src/core/extents.ts'
import * as ranges from '../../src/core/range.ts'
import type { Range } from '../../src/core/types.ts'

const SIZE = 60
const anyRange = fc
  .tuple(fc.integer({ min: 0, max: SIZE }), fc.integer({ min: 0, max: SIZE }))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }))

const bytes = (list: readonly Range[]) =>
  Array.from({ length: SIZE }, (_, at) => list.some(r => r.start <= at && at < r.end))

const canonical = (list: readonly Range[]) =>
  list.every((r, i) => r.start < r.end && (i === 0 || list[i - 1]!.end < r.start))

t.test('range', async t => {
  t.equal(ranges.length({ start: 3, end: 7 }), 4)
  t.equal(ranges.length({ start: 7, end: 3 }), 0)
  t.same(ranges.intersect({ start: 0, end: 5 }, { start: 3, end: 9 }), { start: 3, end: 5 })
  t.equal(ranges.intersect({ start: 0, end: 3 }, { start: 3, end: 9 }), undefined)
  t.ok(ranges.contains({ start: 0, end: 3 }, { start: 1, end: 3 }))
  t.notOk(ranges.contains({ start: 0, end: 3 }, { start: 1, end: 4 }))
  t.ok(ranges.contains({ start: 0, end: 3 }, { start: 9, end: 9 }))
  t.ok(ranges.isEmpty({ start: 9, end: 9 }))
})

t.test('any history of add and remove equals the model', async () => {
  const step = fc.record({ how: fc.constantFrom('add', 'remove'), range: anyRange })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), anyRange, (steps, probe) => {
      let list: readonly Range[] = []
      const model = Array.from({ length: SIZE }, () => false)
      for (const { how, range } of steps) {
        Object.freeze(list)
        const next = how === 'add' ? extents.add(list, range) : extents.remove(list, range)
        model.fill(how === 'add', range.start, range.end)
        list = next
        if (!canonical(list)) return false
      }
      const had = bytes(list)
      const within = (test: (at: number) => boolean) =>
        had.map((_, at) => at).filter(at => at >= probe.start && at < probe.end && test(at))
      const gaps = extents.missing(list, probe)
      return (
        had.every((has, at) => has === model[at]) &&
        extents.total(list) === model.filter(Boolean).length &&
        canonical(gaps) &&
        JSON.stringify(bytes(gaps).flatMap((has, at) => (has ? [at] : []))) ===
          JSON.stringify(within(at => !model[at])) &&
        extents.covers(list, probe) === (within(at => !model[at]).length === 0) &&
        extents.overlaps(list, probe) === within(at => model[at]!).length > 0 &&
        extents.clip(list, probe.start).every(r => r.end <= probe.start) &&
        extents.total(extents.clip(list, probe.start)) ===
          model.slice(0, probe.start).filter(Boolean).length
      )
    }),
  )
})

t.test('nothing new gives the same list', async t => {
  const list = [
    { start: 0, end: 5 },
    { start: 8, end: 9 },
  ]
  t.equal(extents.add(list, { start: 1, end: 4 }), list)
  t.equal(extents.add(list, { start: 8, end: 9 }), list)
  t.equal(extents.remove(list, { start: 5, end: 8 }), list)
  t.same(extents.add(list, { start: 5, end: 8 }), [{ start: 0, end: 9 }])
})

t.test('ten thousand scattered writes take no noticeable time', async t => {
  let list: readonly Range[] = []
  for (let at = 0; at < 10_000; at++) {
    const start = ((at * 7919) % 10_000) * 8
    list = extents.add(list, { start, end: start + 4 })
  }
  t.equal(list.length, 10_000)
  t.equal(extents.missing(list, { start: 0, end: 80_000 }).length, 10_000)
})
