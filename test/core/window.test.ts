/** The read-ahead window against the ways programs and the kernel read. */
import fc from 'fast-check'
import t from 'tap'
import { PAGE_SIZE } from '../../src/core/page.ts'
import { advance, initialWindow } from '../../src/core/window.ts'
import type { Range } from '../../src/core/types.ts'

const KIB = 1024
const MIB = 1024 * KIB
const limits = { min: 256 * KIB, max: 32 * MIB }
const GIB = 1024 * MIB

function play(offsets: readonly number[], length = PAGE_SIZE, size = GIB, from = initialWindow()) {
  let window = from
  const ahead: (Range | undefined)[] = []
  for (const offset of offsets) {
    const next = advance(window, offset, length, size, limits)
    window = next.window
    ahead.push(next.ahead)
  }
  return { window, ahead }
}

const inOrder = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => from + i * PAGE_SIZE)

t.test('a read from the start has the least distance, a long run the most', async t => {
  t.same(play([0]).ahead[0], { start: PAGE_SIZE, end: 3 * PAGE_SIZE })
  const { window, ahead } = play(inOrder(200))
  t.equal(window.distance, 32 * MIB)
  const last = ahead.at(-1)!
  t.ok(last.end - last.start > 24 * MIB && last.end - last.start <= 32 * MIB)
})

t.test('the far end moves in large steps and never back', async t => {
  const ends = play(inOrder(2000)).ahead.map(range => range!.end)
  const steps = ends.slice(1).map((end, i) => end - ends[i]!)
  t.ok(steps.every(step => step >= 0))
  t.ok(steps.slice(400).every(step => step === 0 || step === 8 * MIB))
})

t.test('what is fetched for nothing is bounded by what was wanted', async t => {
  for (const [i, range] of play(inOrder(100)).ahead.entries()) {
    const read = (i + 1) * PAGE_SIZE
    t.ok(range!.end - range!.start <= Math.max(limits.min, 4 * read))
  }
})

t.test('random reads fetch nothing ahead', async t => {
  const random = Array.from({ length: 300 }, (_, i) => ((i * 7919 + 13) % 1000) * MIB)
  t.ok(play(random.filter(Boolean)).ahead.every(range => range === undefined))
  const small = Array.from({ length: 300 }, (_, i) => ((i * 7919 + 13) % 1000) * 64 * KIB)
  t.ok(play(small.filter(Boolean), 4 * KIB).ahead.every(range => range === undefined))
})

t.test('a seek resets, and a run from there begins anew', async t => {
  const { window } = play(inOrder(200))
  const after = play(inOrder(3, 500 * MIB), PAGE_SIZE, GIB, window)
  t.equal(after.ahead[0], undefined)
  t.equal(after.ahead[1]!.end - after.ahead[1]!.start, limits.min)
  t.equal(after.window.distance, 2 * limits.min)
})

t.test('any order within 64 reads in flight does as well as the right order', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 63 }), { minLength: 500, maxLength: 500 }), late => {
      // Read `i` comes after at most 63 that were sent after it. The first few come in order:
      // the kernel has no window of its own yet.
      const shuffled = inOrder(500)
        .map((offset, i) => ({ offset, at: i < 4 ? i : i + late[i]! }))
        .sort((a, b) => a.at - b.at)
        .map(({ offset }) => offset)
      const { window, ahead } = play(shuffled)
      return window.distance === limits.max && ahead.every(range => range !== undefined)
    }),
    { numRuns: 50 },
  )
})

t.test('ahead is always beyond the read, within the object and within the bound', async () => {
  const read = fc.record({
    offset: fc.nat({ max: 3000 }),
    length: fc.integer({ min: 0, max: 300 }),
  })
  fc.assert(
    fc.property(fc.array(read), fc.nat({ max: 3000 * KIB }), (reads, size) => {
      let window = initialWindow()
      for (const { offset, length } of reads) {
        const next = advance(window, offset * KIB, length * KIB, size, limits)
        window = next.window
        const range = next.ahead
        if (range === undefined) continue
        if (range.start >= range.end || range.end > size || range.start < window.front) return false
        if (range.end - range.start > limits.max) return false
      }
      return true
    }),
  )
})

t.test('no read-ahead when its bound is 0', async t => {
  t.equal(advance(initialWindow(), 0, 10, 100, { min: 5, max: 0 }).ahead, undefined)
})
