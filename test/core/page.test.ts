/** Page arithmetic. */
import fc from 'fast-check'
import t from 'tap'
import {
  PAGE_SIZE,
  pageCount,
  pageOf,
  pageRange,
  pagesOf,
  wholePages,
} from '../../src/core/page.ts'

t.test('examples', async t => {
  t.equal(PAGE_SIZE, 131072)
  t.same(pagesOf({ start: 0, end: 0 }), { first: 0, last: -1 })
  t.same(pagesOf({ start: 0, end: PAGE_SIZE }), { first: 0, last: 0 })
  t.same(pagesOf({ start: PAGE_SIZE - 1, end: PAGE_SIZE + 1 }), { first: 0, last: 1 })
  t.same(pageRange(1, PAGE_SIZE + 5), { start: PAGE_SIZE, end: PAGE_SIZE + 5 })
  t.same(pageRange(2, PAGE_SIZE + 5), { start: PAGE_SIZE + 5, end: PAGE_SIZE + 5 })
  t.same(wholePages({ start: 5, end: 6 }, 100), { start: 0, end: 100 })
})

t.test('the pages of an object tile it', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 * PAGE_SIZE }), size => {
      let at = 0
      for (let index = 0; index < pageCount(size); index++) {
        const page = pageRange(index, size)
        if (page.start !== at || page.end <= at || pageOf(page.end - 1) !== index) return false
        at = page.end
      }
      return at === size
    }),
  )
})
