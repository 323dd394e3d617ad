/** Bodies that are not what their ETag says. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { BodyChecks } from '../../src/store/body-check.ts'

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')
const BYTES = new Uint8Array(1000).fill(3)
const ETAG = md5(BYTES)

function told(checks: BodyChecks, etag: string, bytes: Uint8Array): boolean {
  const check = checks.begin(etag, bytes.length, undefined)
  return (
    check === undefined || (check.add(bytes.subarray(0, 400)) && check.add(bytes.subarray(400)))
  )
}

t.test('what is checked', async t => {
  const checks = new BodyChecks()
  t.ok(checks.begin(ETAG, 1000, undefined))
  t.ok(checks.begin(ETAG, 1000, { start: 0, end: 4096 }))
  t.notOk(checks.begin(ETAG, 1000, { start: 0, end: 999 }), 'a part')
  t.notOk(checks.begin(ETAG, 1000, { start: 1, end: 1000 }))
  t.notOk(checks.begin(`${ETAG}-2`, 1000, undefined), 'an upload in parts')
  t.notOk(checks.begin(ETAG, 1 << 20, undefined), 'a large one')
  t.notOk(checks.begin(ETAG, 0, undefined))
})

t.test('damage is told, and what is right passes', async t => {
  const checks = new BodyChecks()
  t.ok(told(checks, ETAG, BYTES))
  for (let at = 0; at < 100; at++) t.notOk(told(checks, ETAG, BYTES.with(at, 9)))
  t.ok(told(checks, ETAG, BYTES))
})

t.test('an ETag that is something else is found out', async t => {
  const checks = new BodyChecks()
  const tries = (etag: string) => [1, 2, 3, 4, 5].map(() => told(checks, etag, BYTES))
  for (const digit of ['1', '2', '3']) {
    t.strictSame(tries(digit.repeat(32)), [false, false, false, true, true])
  }
  t.notOk(checks.begin('4'.repeat(32), 1000, undefined), 'after some the store is believed')
})
