/** The table of causes through a real mount: the errno that a program gets, and one line in the log that tells why. */
import t from 'tap'
import type { Mount } from '../support/mount.ts'
import type { Fault } from '../support/proxy-faults.ts'
import { onServers } from '../support/session.ts'

t.setTimeout(300_000)

/** What goes wrong, what a program is told, and the kind that is logged. */
type Case = readonly [key: string, fault: Fault, errno: string, kind: string]

const refused = (status: number, code: string): Fault => ({ do: 'status', status, code })

const READS: readonly Case[] = [
  ['r-denied', refused(403, 'AccessDenied'), 'EACCES', 'denied'],
  ['r-bare', refused(403, ''), 'EACCES', 'denied'],
  ['r-cold', refused(403, 'InvalidObjectState'), 'EACCES', 'cold'],
  ['r-bucket', refused(404, 'NoSuchBucket'), 'ENOENT', 'no-bucket'],
  ['r-invalid', refused(400, 'InvalidRequest'), 'EIO', 'invalid'],
  ['r-server', refused(500, 'InternalError'), 'ETIMEDOUT', 'timeout'],
  ['r-slow', refused(503, 'SlowDown'), 'ETIMEDOUT', 'timeout'],
  ['r-reset', { do: 'reset' }, 'ETIMEDOUT', 'timeout'],
  ['r-stall', { do: 'stall' }, 'ETIMEDOUT', 'timeout'],
]

/** Final ones: the upload is parked. */
const WRITES: readonly Case[] = [
  ['w-denied', refused(403, 'AccessDenied'), 'EACCES', 'denied'],
  ['w-bucket', refused(404, 'NoSuchBucket'), 'ENOENT', 'no-bucket'],
  ['w-quota', refused(403, 'QuotaExceeded'), 'EDQUOT', 'quota'],
  ['w-full', refused(507, 'InsufficientStorage'), 'EDQUOT', 'quota'],
  ['w-large', refused(413, 'EntityTooLarge'), 'EFBIG', 'too-large'],
  ['w-readonly', refused(403, 'ReadOnly'), 'EROFS', 'read-only'],
  ['w-invalid', refused(400, 'InvalidRequest'), 'EIO', 'invalid'],
  ['w-lacks', refused(501, 'NotImplemented'), 'EOPNOTSUPP', 'unsupported'],
]

/** All at once, each errno as `KEY ERRNO`: those that wait, wait together. */
const PROGRAM = `
import errno, os, sys, threading
def read(key): os.close(os.open(key, os.O_RDONLY))
def write(key):
  fd = os.open(key, os.O_WRONLY | os.O_CREAT)
  try: os.write(fd, b'content'); os.fsync(fd)
  finally: os.close(fd)
def ask(key):
  try: (read if key[0] == 'r' else write)(key); said = 'nothing'
  except OSError as e: said = errno.errorcode[e.errno].replace('ENOTSUP', 'EOPNOTSUPP')
  print(key + ' ' + said + chr(10), end='', flush=True)
all = [threading.Thread(target=ask, args=(key,)) for key in sys.argv[1:]]
for one in all: one.start()
for one in all: one.join()`

const linesOf = async (mount: Mount, key: string): Promise<string[]> =>
  (await mount.log())
    .split('\n')
    .filter(line => / (warn|error) /.test(line))
    .filter(line => new RegExp(`(key=|path=/)${key}( |$)`).test(line))

await onServers('an errno by cause, and one line that tells it', async (t, session) => {
  const { mount, client, proxy } = session
  const reads = READS.map(([key]) => key)
  await client.putMany(reads, 'content')
  const m = await mount({ args: ['--read-timeout=3s', '--write-back=1h'] })
  await m.sh('ls -l')
  const all = [...READS, ...WRITES]
  for (const [key, fault] of READS) proxy.inject({ key }, fault, 1e6)
  for (const [key, fault] of WRITES) proxy.inject({ key, kind: 'PutObject' }, fault, 1e6)
  const keys = all.map(([key]) => key).join(' ')
  const said = await m.sh(`/usr/bin/python3 - ${keys}`, { input: PROGRAM, timeout: 120_000 })
  t.same(said.trim().split('\n').sort(), all.map(([key, , errno]) => `${key} ${errno}`).sort())
  for (const [key, fault, errno, kind] of all) {
    const lines = await linesOf(m, key)
    t.equal(lines.length, 1, `${key}: one line, not: ${lines.join('\n')}`)
    t.match(lines[0], new RegExp(`errno=${errno} `), key)
    t.match(lines[0], new RegExp(`kind=${kind} |cause="${kind}: `), key)
    t.match(lines[0], /hint=/, `${key}: what to do`)
    if (fault.do === 'status') t.match(lines[0], /requestId=\S*PROXY0000000001/, key)
    const why = (await m.pailfs('why', `${m.dir}/${key}`)).out
    t.equal(why.split('\n').filter(line => line.includes(`/${key}`)).length, 1, why)
  }
  t.match(await m.pailfs('status'), { code: 7, out: /w-denied: .*AccessDenied/ })
  proxy.clear()
  t.equal(await m.sh('cat r-denied r-stall w-denied'), 'content'.repeat(3))
  t.match(await m.pailfs('flush', m.dir), { code: 0 }, 'nothing of it is lost')
  t.equal((await client.get('w-full')).toString(), 'content')
}, ['rgw']) // prettier-ignore

await onServers('an upload that is tried again', async (t, { mount, client, proxy }) => {
  const m = await mount({ args: ['--read-timeout=3s', '--write-back=1h'] })
  const fault = proxy.inject({ key: 'w', kind: 'PutObject' }, refused(500, 'InternalError'), 1e6)
  const said = await m.sh('/usr/bin/python3 - w', { input: PROGRAM, timeout: 120_000 })
  t.equal(said, 'w ETIMEDOUT\n')
  proxy.clear()
  t.match(await m.pailfs('flush', m.dir), { code: 0 })
  const lines = await linesOf(m, 'w')
  const attempts = lines.filter(line => line.includes('upload failed'))
  t.equal(attempts.length, fault.hits, 'one for each request that failed')
  t.equal(lines.length, attempts.length + 1, 'and one for the fsync')
  for (const line of lines) t.match(line, /hint=/)
  t.equal((await client.get('w')).toString(), 'content')
}, ['rgw']) // prettier-ignore
