/** Rule 1: each request is answered once, in time, with a number the kernel takes. */
import t from 'tap'
import { FsError, LookAgain, markLogged, StoreError } from '../../src/core/errors.ts'
import type { Errno } from '../../src/core/errors.ts'
import type { Log, LogFields } from '../../src/core/ports.ts'
import { Guard } from '../../src/fuse/guard.ts'

interface Answers {
  readonly done: unknown[]
  readonly failed: number[]
}

function setUp(
  t: { teardown(fn: () => unknown): unknown },
  durable = 600_000,
  other = 300_000,
  tick = 1000,
) {
  const logged: { event: string; fields: LogFields }[] = []
  const say = (event: string, fields: LogFields = {}) => void logged.push({ event, fields })
  const log: Log = { debug: say, info: say, warn: say, error: say }
  const guard = new Guard(log, { durable, other }, tick)
  t.teardown(() => guard.close())
  const run = async (work: () => unknown, operation = 'getattr', path = '/x'): Promise<Answers> => {
    const answers: Answers = { done: [], failed: [] }
    guard.run(
      operation,
      path,
      work as () => Promise<unknown>,
      value => void answers.done.push(value),
      errno => void answers.failed.push(errno),
    )
    await new Promise(resolve => setTimeout(resolve, 5))
    return answers
  }
  return { guard, logged, run }
}

t.test('answers once, whatever comes', async t => {
  const { guard, run } = setUp(t)
  const cases: [string, () => unknown, Answers][] = [
    ['a value', async () => 7, { done: [7], failed: [] }],
    ['no promise at all', () => undefined, { done: [undefined], failed: [] }],
    ['an errno', () => Promise.reject(new FsError('ENOENT', '')), { done: [], failed: [-2] }],
    ['a bug', () => Promise.reject(new TypeError('x')), { done: [], failed: [-5] }],
    ['a throw', () => { throw new TypeError('x') }, { done: [], failed: [-5] }], // prettier-ignore
    ['undefined thrown', () => Promise.reject(undefined), { done: [], failed: [-5] }],
    ['a text thrown', () => Promise.reject('x'), { done: [], failed: [-5] }],
    [
      'an unknown errno',
      () => Promise.reject(new FsError('EFOO' as Errno, '')),
      { done: [], failed: [-5] },
    ],
    [
      'a store error',
      () => Promise.reject(new StoreError('denied', '', { operation: 'x' })),
      { done: [], failed: [-13] },
    ],
  ]
  for (const [name, work, expected] of cases) t.same(await run(work), expected, name)
  t.equal(guard.waiting, 0)
})

t.test('an answer that throws before the native call becomes EIO', async t => {
  const { guard } = setUp(t)
  const failed: number[] = []
  guard.run('read', '/x', async () => 1, () => { throw new RangeError('bad count') }, errno => void failed.push(errno)) // prettier-ignore
  await new Promise(resolve => setTimeout(resolve, 5))
  t.same(failed, [-5])
})

t.test('the deadline answers ETIMEDOUT, and what comes later is dropped', async t => {
  const { guard, logged } = setUp(t, 200, 40, 10)
  const answers: string[] = []
  const later: ((value: unknown) => void)[] = []
  const ask = (operation: string) =>
    guard.run(
      operation,
      '/x',
      () => new Promise(resolve => later.push(resolve)),
      () => void answers.push(`${operation} done`),
      errno => void answers.push(`${operation} ${errno}`),
    )
  ask('read')
  ask('fsync')
  await new Promise(resolve => setTimeout(resolve, 120))
  t.same(answers, ['read -110'], 'fsync has longer')
  for (const resolve of later) resolve(1)
  await new Promise(resolve => setTimeout(resolve, 5))
  t.same(answers, ['read -110', 'fsync done'])
  t.match(logged, [
    { event: 'operation failed', fields: { operation: 'read', errno: 'ETIMEDOUT' } },
  ])
})

t.test('trouble is logged once with its cause, everyday answers are not', async t => {
  const { logged, run } = setUp(t)
  await run(() => Promise.reject(new FsError('ENOENT', 'x')))
  await run(() => Promise.reject(new FsError('ENODATA', 'x')))
  t.same(logged, [])
  const cause = new StoreError('denied', 'no', { operation: 'GetObject', requestId: 'R1' })
  for (let count = 0; count < 3; count += 1)
    await run(() => Promise.reject(cause), 'open', '/secret')
  t.equal(logged.length, 1)
  t.match(logged[0], { fields: { operation: 'open', path: '/secret', errno: 'EACCES', cause } })
  await run(() => Promise.reject(cause), 'open', '/other')
  t.equal(logged.length, 2)
})

t.test('what is no failure, or is in the log already, is not logged', async t => {
  const { logged, run } = setUp(t)
  const told = new StoreError('denied', 'x', { operation: 'PutObject' })
  markLogged(told)
  const answers = await run(() => Promise.reject(told), 'fsync')
  t.same(answers.failed, [-13])
  await run(() => Promise.reject(new LookAgain('the file was replaced')), 'open')
  t.same(logged, [])
  await run(() => Promise.reject(new FsError('ESTALE', 'the file was replaced')), 'read')
  t.match(logged, [{ fields: { errno: 'ESTALE', reason: 'the file was replaced' } }])
})
