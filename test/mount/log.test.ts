/** The log: one line an event, causes told, secrets not. */
import t from 'tap'
import { FsError, StoreError } from '../../src/core/errors.ts'
import type { Clock, LogLevel } from '../../src/core/ports.ts'
import { createLog, describeError } from '../../src/observe/log.ts'
import type { LogFormat } from '../../src/observe/log.ts'
import { createCounters } from '../../src/observe/metrics.ts'
import { rememberFailures } from '../../src/observe/recent.ts'

const clock: Clock = { now: () => 0, after: () => ({ cancel() {} }) }
const DENIED = new StoreError('denied', 'Access Denied', {
  operation: 'PutObject',
  key: 'a b',
  code: 'AccessDenied',
  status: 403,
  requestId: 'R1',
  hint: 'Ask',
})

function setUp(level: LogLevel = 'info', format: LogFormat = 'text') {
  const lines: string[] = []
  return { lines, log: createLog({ level, format, clock, write: line => void lines.push(line) }) }
}

t.test('text, JSON, journal', async t => {
  const text = setUp()
  text.log.debug('unseen')
  text.log.info('sent', { key: 'a b\n', bytes: 5n, path: '/x', none: undefined })
  t.same(text.lines, ['1970-01-01T00:00:00.000Z info sent key="a b\\n" bytes=5 path=/x\n'])
  const json = setUp('debug', 'json')
  json.log.debug('x', { n: 1 })
  t.same(JSON.parse(json.lines[0] ?? ''), {
    time: '1970-01-01T00:00:00.000Z',
    level: 'debug',
    event: 'x',
    n: 1,
  })
  const journal = setUp('warn', 'journal')
  journal.log.info('unseen')
  journal.log.error('x')
  t.same(journal.lines, ['<3>x\n'])
})

t.test('no secrets', async t => {
  const { log, lines } = setUp()
  log.warn('x', { secretAccessKey: 'hush', authorization: 'hush', token: 'hush' })
  t.notMatch(lines.join(''), 'hush')
})

t.test('causes to their end', async t => {
  const text = describeError(new FsError('EACCES', 'Access Denied', DENIED))
  t.match(
    text,
    /^EACCES: Access Denied <- denied: Access Denied \(operation=PutObject key="a b" code=AccessDenied status=403 requestId=R1 hint=Ask\)$/,
  )
  t.match(describeError(new TypeError('bug')), /bug\n\s+at /, 'a bug has its stack')
  t.notMatch(describeError(Object.assign(new Error('no disk'), { code: 'ENOSPC' })), /\n/)
})

t.test('failures are remembered by path', async t => {
  const { log, lines } = setUp()
  const recent = rememberFailures(log, clock)
  recent.log.error('operation failed', {
    path: '/d/f',
    operation: 'read',
    errno: 'EACCES',
    cause: DENIED,
  })
  recent.log.error('without a path')
  recent.log.warn('a warning', { path: '/w' })
  t.match(recent.below('/'), [{ path: '/d/f', text: /^read EACCES: Access Denied \(AccessDenied, 403, request R1\)$/ , hint: 'Ask' }]) // prettier-ignore
  t.equal(recent.below('/d').length, 1)
  t.equal(recent.below('/').length, 1)
  t.same(recent.below('/d/other'), [])
  t.equal(lines.length, 3)
  for (let n = 0; n < 600; n += 1) recent.log.error('x', { path: `/n/${n}` })
  t.equal(recent.below('/').length, 500)
  t.same(recent.below('/d/f'), [])
})

t.test('counters', async t => {
  const counters = createCounters()
  counters.add('a')
  counters.add('a', 4)
  counters.gauge('g', () => 7)
  t.same(counters.snapshot(), { a: 5, g: 7 })
})
