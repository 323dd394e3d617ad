/** Layouts of streams and plans of changed objects. */
import fc from 'fast-check'
import t from 'tap'
import { add, clip, missing, total } from '../../src/core/extents.ts'
import { partLayout, planParts, type PartLimits, type PlannedPart } from '../../src/core/parts.ts'
import type { Range } from '../../src/core/types.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const TIB = 1024 * GIB
const s3 = { minPart: 5 * MIB, maxPart: 5 * GIB, maxParts: 10_000 }
const swift = { minPart: 1, maxPart: 5 * GIB, maxParts: 1000 }

t.test('a stream of unknown length begins small and reaches 5 TiB', async t => {
  const layout = partLayout(undefined, s3, 8 * MIB)
  t.equal(layout.partSize(1), 8 * MIB)
  t.equal(layout.partSize(1000), 8 * MIB)
  t.equal(layout.partSize(1001), 16 * MIB)
  t.ok(layout.capacity >= 5 * TIB)
  t.ok(layout.partOf(5 * TIB - 1) <= 10_000)
  t.ok(partLayout(undefined, swift, 8 * MIB).capacity >= 2 * TIB)
})

t.test('a known length has parts of one size', async t => {
  t.equal(partLayout(100 * MIB, s3, 8 * MIB).partSize(1), 8 * MIB)
  const large = partLayout(5 * TIB, s3, 8 * MIB)
  t.equal(large.partSize(1), 525 * MIB)
  t.ok(large.partOf(5 * TIB - 1) <= 10_000)
})

t.test('a layout tiles the bytes', async t => {
  for (const limits of [s3, swift, { minPart: 1, maxPart: 100, maxParts: 7 }]) {
    const layout = partLayout(undefined, limits, 10)
    let at = 0
    for (let number = 1; number <= limits.maxParts; number++) {
      const range = layout.partRange(number)
      const right =
        range.start === at &&
        range.end - range.start === layout.partSize(number) &&
        layout.partSize(number) <= limits.maxPart &&
        layout.partOf(range.start) === number &&
        layout.partOf(range.end - 1) === number
      if (!right) throw new Error(`part ${number}: ${JSON.stringify({ range, at })}`)
      at = range.end
    }
    t.equal(at, layout.capacity)
    t.ok(layout.partOf(layout.capacity) > limits.maxParts)
    t.same(layout.partRange(1, 3), { start: 0, end: 3 })
  }
})

const sentBytes = (parts: readonly PlannedPart[]) =>
  total(parts.filter(part => part.how === 'send').map(part => part.range))

function fault(
  parts: readonly PlannedPart[],
  size: number,
  dirty: readonly Range[],
  limits: PartLimits,
) {
  let at = 0
  for (const [i, { number, range }] of parts.entries()) {
    const bytes = range.end - range.start
    if (number !== i + 1) return 'numbers'
    if (range.start !== at) return 'a gap'
    if (bytes > limits.maxPart || bytes <= 0) return 'over maxPart or empty'
    if (bytes < limits.minPart && i < parts.length - 1) return 'under minPart'
    at = range.end
  }
  if (at !== size) return 'the end'
  if (parts.length > limits.maxParts) return 'too many'
  let sent: readonly Range[] = []
  for (const part of parts) if (part.how === 'send') sent = add(sent, part.range)
  if (dirty.some(range => missing(sent, range).length > 0)) return 'a dirty byte is not sent'
  return undefined
}

t.test('one changed byte in 5 GiB travels as one smallest part', async t => {
  for (const at of [0, 1, 5 * MIB, 2 * GIB, 5 * GIB - 6 * MIB, 5 * GIB - 2, 5 * GIB - 1]) {
    const parts = planParts(5 * GIB, [{ start: at, end: at + 1 }], 5 * GIB, s3)
    t.equal(fault(parts, 5 * GIB, [{ start: at, end: at + 1 }], s3), undefined)
    t.ok(sentBytes(parts) <= 10 * MIB, `at ${at}: ${sentBytes(parts)}`)
    t.ok(parts.length <= 4)
  }
})

t.test('an append sends the appended bytes only', async t => {
  const parts = planParts(5 * GIB + 10, [], 5 * GIB, s3)
  t.same(
    parts.map(part => part.how),
    ['copy', 'send'],
  )
  t.equal(sentBytes(parts), 10)
})

t.test('nothing changed is all copied, all changed all sent', async t => {
  t.same(
    planParts(12 * GIB, [], 12 * GIB, s3).map(part => part.how),
    ['copy', 'copy', 'copy'],
  )
  const sent = planParts(GIB, [], 0, s3)
  t.equal(sentBytes(sent), GIB)
  t.equal(sent.length, 128)
  t.same(planParts(0, [], 0, s3), [])
  t.equal(
    fault(planParts(5 * TIB, [], 0, s3), 5 * TIB, [{ start: 0, end: 5 * TIB }], s3),
    undefined,
  )
  t.throws(() => planParts(60 * TIB, [], 0, s3), RangeError)
})

t.test('ten thousand scattered writes still fit', async t => {
  const own = Array.from({ length: 20_000 }, (_, i) => ({
    start: i * 10 * MIB,
    end: i * 10 * MIB + 1,
  }))
  const size = 20_000 * 10 * MIB
  const parts = planParts(size, own, size, s3)
  t.equal(fault(parts, size, own, s3), undefined)
})

t.test('every plan keeps the limits and sends what it must', async () => {
  const scenario = fc.record({
    size: fc.integer({ min: 1, max: 400 }),
    limit: fc.integer({ min: 0, max: 420 }),
    minPart: fc.integer({ min: 1, max: 30 }),
    maxPart: fc.integer({ min: 60, max: 200 }),
    maxParts: fc.integer({ min: 7, max: 60 }),
    own: fc.array(fc.tuple(fc.nat({ max: 420 }), fc.integer({ min: 1, max: 40 })), {
      maxLength: 8,
    }),
  })
  fc.assert(
    fc.property(scenario, ({ size, limit, own, ...limits }) => {
      let list: readonly Range[] = []
      for (const [start, length] of own) list = add(list, { start, end: start + length })
      const dirty = clip(add(list, { start: limit, end: Math.max(size, limit) }), size)
      const parts = planParts(size, list, limit, limits)
      const wrong = fault(parts, size, dirty, limits)
      if (wrong !== undefined) throw new Error(wrong)
      const runs = dirty.length
      const roomy = limits.maxParts >= 60
      return !roomy || sentBytes(parts) <= total(dirty) + 2 * (runs + 1) * limits.minPart
    }),
    { numRuns: 3000 },
  )
})
