/** Manifests as lists of slices, against a model: the bytes they stand for. */
import fc from 'fast-check'
import t from 'tap'
import {
  cut,
  formatManifest,
  groupOf,
  join,
  parseManifest,
  planMerge,
  sliceLength,
  totalLength,
  type Slice,
} from '../../../src/store/swift/manifest.ts'

const slice: fc.Arbitrary<Slice> = fc
  .tuple(
    fc.constantFrom('c_segments/a', 'c_segments/g/b', 'c_segments/g/c'),
    fc.nat(19),
    fc.nat(19),
  )
  .map(([path, a, b]) => {
    const [start, end] = [Math.min(a, b), Math.max(a, b) + 1]
    const whole = start === 0 && end === 20
    return { path, etag: `e-${path}`, bytes: 20, ...(whole ? {} : { range: { start, end } }) }
  })
const slices = fc.array(slice, { maxLength: 8 })

/** The bytes, each named by its segment and place. */
const bytesOf = (list: readonly Slice[]): string[] =>
  list.flatMap(({ path, range, bytes }) => {
    const { start, end } = range ?? { start: 0, end: bytes }
    return Array.from({ length: end - start }, (_, i) => `${path}:${start + i}`)
  })

t.test('a cut has the bytes of the range', async t => {
  fc.assert(
    fc.property(slices, fc.nat(160), fc.nat(160), (list, a, b) => {
      const total = totalLength(list)
      const start = Math.min(a, b, total)
      const end = Math.min(Math.max(a, b), total)
      const got = cut(list, { start, end })
      t.ok(got.every(each => sliceLength(each) > 0))
      return bytesOf(got).join() === bytesOf(list).slice(start, end).join()
    }),
  )
  t.throws(() => cut([], { start: 0, end: 1 }), RangeError)
})

t.test('joining keeps the bytes and is never longer', async () => {
  fc.assert(
    fc.property(slices, list => {
      const joined = join(list)
      return bytesOf(joined).join() === bytesOf(list).join() && joined.length <= list.length
    }),
  )
})

t.test('pieces of one segment become it again', async t => {
  const whole: Slice = { path: 'c/a', etag: 'e', bytes: 20 }
  t.strictSame(
    join([...cut([whole], { start: 0, end: 7 }), ...cut([whole], { start: 7, end: 20 })]),
    [whole],
  )
})

t.test('what is written is read back', async t => {
  fc.assert(
    fc.property(slices, list => {
      const read = parseManifest(JSON.parse(formatManifest(list)))
      return JSON.stringify(read) === JSON.stringify(list)
    }),
  )
  t.strictSame(
    parseManifest([
      { name: '/c/s', bytes: 10, hash: 'h', range: '-3' },
      { name: '/c/s', bytes: 10, hash: 'h', range: '4-', sub_slo: true },
    ]),
    [
      { path: 'c/s', etag: 'h', bytes: 10, range: { start: 7, end: 10 } },
      { path: 'c/s', etag: 'h', bytes: 10, range: { start: 4, end: 10 }, nested: true },
    ],
  )
  t.throws(() => parseManifest({}), TypeError)
  t.throws(() => parseManifest([{ bytes: 1 }]), TypeError)
})

t.test('a merge plan: few enough, none too large, nothing twice', async () => {
  fc.assert(
    fc.property(
      fc.array(slice, { maxLength: 40 }),
      fc.integer({ min: 1, max: 40 }),
      (list, max) => {
        const plan = planMerge(list, max, 60)
        if (plan === undefined) return list.length > max
        let at = 0
        let left = list.length
        for (const [from, to] of plan) {
          if (from < at || to - from < 2 || totalLength(list.slice(from, to)) > 60) return false
          at = to
          left -= to - from - 1
        }
        return left <= max || list.length <= max
      },
    ),
  )
})

t.test('groups are folders', async t => {
  t.equal(groupOf('c/a/b/001'), 'c/a/b')
})
