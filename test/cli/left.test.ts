/** What a command says of changes that the bucket does not take. */
import t from 'tap'
import type { MountStatus, PendingItem } from '../../src/control/api.ts'
import { ControlError, type ControlClient } from '../../src/control/client.ts'
import { explainLeft, isLeft, listed } from '../../src/cli/left.ts'
import { EXIT } from '../../src/cli/exit.ts'

const item = (path: string, reason?: string, hint?: string): PendingItem => ({
  path,
  state: reason === undefined ? 'waiting' : 'parked',
  bytes: 2,
  ...(reason === undefined ? {} : { reason }),
  ...(hint === undefined ? {} : { hint }),
})

function client(items: readonly PendingItem[]): ControlClient {
  const status: Partial<MountStatus> = { items, pending: items.length, pendingBytes: 2, failed: 1 }
  return { call: () => Promise.resolve(status) } as unknown as ControlClient
}

t.test('a hint is said once for all that it fits', async t => {
  const items = [item('/a', 'no', 'ask'), item('/b\n', 'no', 'ask'), item('/c', 'never', 'wait')]
  t.equal(listed(items), '  /a: no\n    ask\n  /b?: no\n  /c: never\n    wait')
})

t.test('only what failed below the path', async t => {
  const items = [item('/d/a', 'no'), item('/da', 'no'), item('/d/b')]
  const error = new ControlError('EACCES', 'EACCES: no')
  const { message, hint, exit } = await explainLeft(client(items), '/d', error, 'mend it')
  t.match(message, /kept in the journal: 3 changes \(2 B\) to send, 1 failed\n {2}\/d\/a: no$/)
  t.equal(hint, 'mend it')
  t.equal(exit, EXIT.pending)
  const bare = await explainLeft(client([]), '/', error, 'mend it')
  t.equal(bare.message, 'no', 'where nothing is known, what the daemon said')
})

t.test('what is no failure to send', async t => {
  t.ok(isLeft(new ControlError('EAGAIN', '')))
  t.ok(isLeft(new ControlError('ETIMEDOUT', '')))
  for (const code of ['ENOCONN', 'EBUSY', 'EINVAL', 'EINTR'])
    t.notOk(isLeft(new ControlError(code, '')))
  t.notOk(isLeft(new Error('x')))
})
