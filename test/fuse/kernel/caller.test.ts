/** Who is told EINTR: a program that is to end, and never one that lives on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { bits, isToEnd } from '../../../src/fuse/kernel/caller.ts'

const ASKED = bits(1, 2, 3, 9, 15)

function status(pending: bigint, shared = 0n, blocked = 0n) {
  const hex = (mask: bigint) => mask.toString(16).padStart(16, '0')
  return () =>
    `Name:\tx\nSigPnd:\t${hex(pending)}\nShdPnd:\t${hex(shared)}\nSigBlk:\t${hex(blocked)}\n`
}

function failing(code: string) {
  return () => {
    throw Object.assign(new Error(code), { code })
  }
}

t.test('by the signals that wait', async t => {
  t.equal(isToEnd(7, ASKED, status(0n)), false)
  t.equal(isToEnd(7, ASKED, status(bits(9))), true, 'SIGKILL for the thread')
  t.equal(isToEnd(7, ASKED, status(0n, bits(15))), true, 'SIGTERM for the program')
  t.equal(isToEnd(7, ASKED, status(bits(14), bits(17))), false, 'a timer, a child')
  t.equal(isToEnd(7, ASKED, status(bits(15), 0n, bits(15))), false, 'one that is blocked')
  t.equal(isToEnd(7, bits(9), status(bits(2))), false, 'one that does not count')
  t.equal(isToEnd(0, ASKED, failing('ENOENT')), false, 'of another process space')
})

t.test('one that is gone has ended; what cannot be read says nothing', async t => {
  for (const code of ['ENOENT', 'ESRCH']) t.equal(isToEnd(7, ASKED, failing(code)), true, code)
  for (const code of ['EMFILE', 'ENFILE', 'EACCES', 'EIO', 'ENOMEM', 'EINTR', 'EAGAIN']) {
    t.equal(isToEnd(7, ASKED, failing(code)), false, code)
  }
  t.equal(
    isToEnd(7, ASKED, () => ''),
    false,
    'an empty answer',
  )
  t.equal(isToEnd(process.pid, ASKED), false, 'this very process')
  const child = spawn('true')
  await once(child, 'exit')
  t.equal(isToEnd(child.pid ?? 0, ASKED), true)
})
