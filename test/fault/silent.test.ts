/**
 * A server that takes every request and never answers: each operation ends by its deadline, with an error or with what
 * is known here, and a program that is told to end (Ctrl-C) does so at once.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { Mount } from '../support/mount.ts'
import { PROJECT } from '../support/servers.ts'
import { flush, onServers, until, type Session } from '../support/session.ts'

/** The longest that --read-timeout may be: nothing ends by it while a test runs. */
const LONG = '--read-timeout=4m'
const PROGRAM = join(PROJECT, 'test', 'fault', 'operations.py')

t.setTimeout(600_000)

interface Operation {
  readonly name: string
  /** A Python statement, run in a directory of its own with `f`, `d/a` and `empty/`; `mine` is an open new file. */
  readonly line: string
  /** In the mount of one bucket, one with --write-back=0, or of all buckets. */
  readonly where?: Where
  /** How it may end; the default is ETIMEDOUT. */
  readonly ends?: RegExp
}

type Where = 'plain' | 'close' | 'buckets'

const OPERATIONS: readonly Operation[] = [
  { name: 'open and read', line: 'read("f")' },
  { name: 'read by a program with a handler', line: 'handle(); read("f")' },
  { name: 'stat', line: 'os.stat("f")' },
  { name: 'stat of no file', line: 'os.stat("none")' },
  { name: 'readdir', line: 'os.listdir("d")' },
  { name: 'create', line: 'write("new", b"x")' },
  { name: 'fsync', line: 'os.fsync(mine)' },
  { name: 'fsync of a directory', line: 'os.fsync(mine and os.open(".", os.O_RDONLY))' },
  { name: 'truncate', line: 'os.truncate("f", 3)' },
  { name: 'rename', line: 'os.rename("f", "g")' },
  { name: 'rename of a directory', line: 'os.rename("d", "e")' },
  { name: 'unlink', line: 'os.unlink("f")' },
  { name: 'mkdir', line: 'os.mkdir("m")' },
  { name: 'rmdir', line: 'os.rmdir("empty")' },
  { name: 'symlink', line: 'os.symlink("x", "s")' },
  { name: 'readlink', line: 'os.readlink("f")' },
  { name: 'chmod', line: 'os.chmod("f", 0o600)' },
  { name: 'setxattr', line: 'os.setxattr("f", "user.a", b"b")' },
  { name: 'setxattr of an access list', line: 'os.setxattr("f", "pail.acl", b"private")' },
  { name: 'getxattr', line: 'os.getxattr("f", "pail.tags")' },
  { name: 'statfs', line: 'os.statvfs(".")', ends: /done|ETIMEDOUT/ },
  {
    name: 'write beyond the staging limit',
    line: 'for at in range(64): os.write(mine, bytes(1 << 20))',
    ends: /ENOSPC/,
  },
  { name: 'close', line: 'os.close(mine)', where: 'close' },
  { name: 'mkdir of a bucket', line: 'os.mkdir("a-new-bucket")', where: 'buckets' },
  { name: 'rmdir of a bucket', line: 'os.rmdir("$BUCKET")', where: 'buckets' },
  { name: 'readdir of buckets', line: 'os.listdir(".")', where: 'buckets' },
]

await onServers(
  'every operation ends in time',
  async (t, session) => {
    for (const [name, seconds, outcome] of await runAll(session, ['--read-timeout=4s'], 0)) {
      const { ends = /ETIMEDOUT/ } = OPERATIONS.find(one => one.name === name) ?? {}
      t.match(outcome, ends, `${name}: ${outcome} after ${seconds.toFixed(1)} s`)
    }
  },
  ['rgw'],
)

await onServers(
  'every operation ends when its program is told to',
  async (t, session) => {
    for (const [name, seconds, outcome] of await runAll(session, [LONG, '--fuse=direct'], 2)) {
      t.match(outcome, /interrupted|EINTR/, `${name}: ${outcome} after ${seconds.toFixed(1)} s`)
    }
  },
  ['rgw'],
)

type Ended = [name: string, seconds: number, outcome: string]

/** All at once, each in a process of its own, begun when the server has fallen silent. */
async function runAll(
  session: Session,
  args: readonly string[],
  interruptAfter: number,
): Promise<Ended[]> {
  const { proxy, bucket, client } = session
  // A directory each: the kernel locks a directory while a name in it is looked for.
  const keys = OPERATIONS.flatMap((_, at) => ['f', 'd/a', 'empty/'].map(key => `o${at}/${key}`))
  await client.putMany(keys, 'content')
  const common = [...args, '--metadata-ttl=0', '--staging-limit=16MiB', '--drain-timeout=1s']
  const mounts: Record<Where, Mount> = {
    plain: await session.mount({ args: common }),
    close: await session.mount({ args: [...common, '--write-back=0'] }),
    buckets: await session.mount({ args: common, source: 's3:' }),
  }
  const jobs = OPERATIONS.map(({ name, line, where = 'plain' }, at) => {
    const { dir } = mounts[where]
    const folder = where === 'buckets' ? dir : join(dir, `o${at}`)
    return [name, folder, line.replace('$BUCKET', bucket)]
  })
  const child = spawn('/usr/bin/python3', [PROGRAM, JSON.stringify(jobs), `${interruptAfter}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  try {
    if ((await lines.next()).value !== 'ready') throw new Error('the programs did not start')
    proxy.inject({}, { do: 'stall' }, Infinity)
    child.stdin.end('\n')
    return JSON.parse(String((await lines.next()).value)) as Ended[]
  } finally {
    child.kill('SIGKILL')
    // What hangs at the server goes on, so that the mounts end.
    await session.proxy.stop()
  }
}

await onServers(
  'the end of an upload that is never answered',
  async (t, { mount, proxy, client }) => {
    const m = await mount({ args: ['--read-timeout=3s', '--part-size=5MiB', '--write-back=200ms'] })
    proxy.inject('CompleteMultipartUpload', { do: 'stall' }, 1)
    await m.sh('head -c 18000000 /dev/zero >large')
    await until(
      'ten read timeouts later',
      async () => (await client.keys()).includes('large'),
      90_000,
    )
    await flush(m)
    t.equal((await client.head('large'))?.size, 18_000_000)
    t.equal(await m.stop(), 0)
  },
  ['rgw'],
)
