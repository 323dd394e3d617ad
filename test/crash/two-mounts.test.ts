/**
 * Two mounts of one bucket append to the same files. Every acknowledged line is in the file or in a conflict file at
 * the end; one whose fsync returned 0 is in the file itself; an fsync that could not put it there says ESTALE.
 *
 * PAILFS_SECONDS: how long (20).
 */
import { join } from 'node:path'
import t from 'tap'
import { PROJECT } from '../support/servers.ts'
import { onServers } from '../support/session.ts'
import { program } from '../support/shell.ts'
import type { Mount } from '../support/mount.ts'

const SECONDS = Number(process.env['PAILFS_SECONDS'] ?? 20)
const SEED = process.env['PAILFS_SEED'] ?? String(Date.now() % 1_000_000)
const APPENDER = join(PROJECT, 'test', 'crash', 'appender.py')
const FILES = ['a', 'b', 'd/c']
const ARGS = ['--metadata-ttl=0', '--write-back=200ms']

interface Appended {
  lines: Record<string, { file: string; fsync: null | 0 | string }>
  errors: Record<string, number>
}

t.setTimeout(SECONDS * 1000 + 240_000)

// Only RGW enforces conditions: on Swift's s3api there is a gap between the look and the write.
await onServers(
  'two writers lose no update',
  async (t, session) => {
    t.comment(`PAILFS_SECONDS=${SECONDS} PAILFS_SEED=${SEED}`)
    await session.client.put('d/', '')
    const mounts = [await session.mount({ args: ARGS }), await session.mount({ args: ARGS })]
    const [one, two] = await Promise.all([append(mounts[0]!, 'w0'), append(mounts[1]!, 'w1')])
    for (const mount of mounts) t.equal(await mount.stop(), 0)
    const contents = new Map<string, string>()
    for (const key of await session.client.keys()) {
      if (!key.endsWith('/')) contents.set(key, String(await session.client.get(key)))
    }
    const conflicts = [...contents.keys()].filter(key => key.includes('.conflict-'))
    const lost: string[] = []
    const misled: string[] = []
    const fsyncs: Record<string, number> = {}
    for (const [line, { file, fsync }] of [
      ...Object.entries(one.lines),
      ...Object.entries(two.lines),
    ]) {
      if (fsync !== null) fsyncs[fsync] = (fsyncs[fsync] ?? 0) + 1
      const has = (key: string) => contents.get(key)?.split('\n').includes(line) === true
      if (!has(file) && !conflicts.some(key => key.startsWith(`${file}.`) && has(key)))
        lost.push(line)
      if (fsync === 0 && !has(file)) misled.push(line)
    }
    t.same(lost, [], 'no line is lost')
    t.same(misled, [], 'an fsync that returned 0 told the truth')
    t.same(
      Object.keys(fsyncs).filter(code => code !== '0' && code !== 'ESTALE'),
      [],
    )
    t.ok(conflicts.length > 0, 'they did get into conflict')
    const count = Object.keys(one.lines).length + Object.keys(two.lines).length
    const figures = {
      lines: count,
      conflicts: conflicts.length,
      fsyncs,
      errors: [one.errors, two.errors],
    }
    t.comment(`figures: ${JSON.stringify(figures)}`)
  },
  ['rgw'],
)

async function append(mount: Mount, who: string): Promise<Appended> {
  const words = [APPENDER, mount.dir, who, String(SECONDS), `${SEED}${who}`, ...FILES]
  const { out, err } = await program('/usr/bin/python3', words, {
    timeout: SECONDS * 1000 + 90_000,
  })
  if (out === '') throw new Error(err)
  return JSON.parse(out) as Appended
}
