/** The map log's codec: what was appended is read, and whatever a cut leaves is a prefix of it. */
import fc from 'fast-check'
import t from 'tap'
import { add, clip } from '../../src/core/extents.ts'
import type { Range } from '../../src/core/types.ts'
import {
  baseFrame,
  beginFrame,
  compactMap,
  limitFrame,
  ownFrame,
  readMap,
} from '../../src/journal/stage-map.ts'

const base = { key: 'a/ü', etag: 'e', size: 1e12 }

function joined(frames: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(frames))
}

t.test('frames are read back, and a torn or broken tail is a prefix', async () => {
  const range = fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 100 }))
  fc.assert(
    fc.property(
      fc.array(fc.oneof(range, fc.nat(1000)), { maxLength: 20 }),
      fc.nat(1e6),
      fc.boolean(),
      (steps, where, flip) => {
        const states: { end: number; own: readonly Range[]; limit: number }[] = []
        const frames = [beginFrame(base, 1000)]
        let own: readonly Range[] = []
        let limit = 1000
        let end = frames[0]!.length
        states.push({ end, own, limit })
        for (const one of steps) {
          if (typeof one === 'number') {
            limit = Math.min(limit, one)
            own = clip(own, limit)
            frames.push(limitFrame(one))
          } else {
            const range = { start: one[0], end: Math.min(one[0] + one[1], limit) }
            own = add(own, range)
            frames.push(ownFrame(range))
          }
          end += frames.at(-1)!.length
          states.push({ end, own, limit })
        }
        const whole = joined(frames)
        const at = where % whole.length
        const bytes = flip ? whole.slice() : whole.slice(0, at)
        if (flip) bytes[at]! ^= 1 << (where % 8)
        const map = readMap(bytes)
        const expected = states.findLast(state => state.end <= at)
        if (expected === undefined) return map === undefined
        return (
          map?.length === expected.end &&
          map.baseLimit === expected.limit &&
          JSON.stringify(map.own) === JSON.stringify(expected.own)
        )
      },
    ),
    { numRuns: 500 },
  )
})

t.test('a compacted map says the same', async t => {
  const own = [
    { start: 0, end: 5 },
    { start: 9, end: 2 ** 39 },
  ]
  const other = { key: 'o', etag: 'x', size: 5 }
  const map = readMap(compactMap({ base, baseLimit: 1e12, own }))
  t.match(map, { base, baseLimit: 1e12, own })
  t.strictSame(readMap(joined([beginFrame(base, 7), baseFrame(other)]))?.base, other)
  t.equal(readMap(joined([ownFrame({ start: 0, end: 1 })])), undefined)
  t.equal(readMap(new Uint8Array()), undefined)
})
