/** Waiting times between attempts. */
import t from 'tap'
import { backoff } from '../../src/core/backoff.ts'

t.test('backoff grows, stays below its cap and is never nothing', async t => {
  const limits = { base: 100, cap: 5000 }
  t.equal(
    backoff(1, () => 0.999_999, limits),
    100,
  )
  t.equal(
    backoff(3, () => 0.999_999, limits),
    400,
  )
  t.equal(
    backoff(1000, () => 0.999_999, limits),
    5000,
  )
  t.equal(
    backoff(3, () => 0, limits),
    40,
  )
})
