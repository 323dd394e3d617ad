/**
 * A daemon that is killed with changes that the bucket does not have: what supervises it mounts again by itself, and
 * programs find everything under the same names, without a person's hand and whatever the bucket does meanwhile.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { onServers, until } from '../support/session.ts'

t.setTimeout(240_000)

interface Status {
  readonly pid: number
  readonly logFile: string
}

/** Writes, then shows what there is whenever it is told so, as soon as that can be read. */
const LINES = `
mkdir "$D/d" && echo first second third > "$D/f" && echo moved > "$D/from" && mv "$D/from" "$D/d/to" && echo written
while read -r _; do
  until cat "$D/f" "$D/d/to" 2>/dev/null; do sleep 0.2; done
  echo done
done
`

await onServers('a killed daemon with changes pending', async (t, session) => {
  // For its folders, its environment and its end: what is tested is mounted beside it, as a user does it.
  const helper = await session.mount()
  const dir = join(helper.work, 'beside')
  mkdirSync(dir)
  t.teardown(() => helper.pailfs('umount', '--force', dir))
  const folder = `s3://${session.bucket}/part`
  const mounted = await helper.pailfs('mount', folder, dir, '--path-style', '--write-back=1h')
  t.equal(mounted.code, 0, mounted.err)
  const daemon = async () => {
    const { out } = await helper.pailfs('status', '--json', dir)
    return out.startsWith('[') ? (JSON.parse(out) as Status[])[0] : undefined
  }
  // One shell for all of it.
  const shell = spawn('bash', ['-c', LINES], {
    env: { PATH: process.env['PATH'], D: dir },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  shell.stdout.on('data', (data: Buffer) => (said += data.toString()))
  t.teardown(() => shell.kill('SIGKILL'))
  await until('it is written', () => said.includes('written'))
  t.same(await session.client.keys(), [], 'it is nowhere but here')
  for (const how of ['the bucket answers', 'the bucket cannot be reached at first']) {
    const pid = (await daemon())?.pid ?? 0
    if (how !== 'the bucket answers') session.proxy.inject({}, { do: 'reset' }, 2)
    process.kill(pid, 'SIGKILL')
    const another = async () => {
      const next = await daemon()
      return next !== undefined && next.pid !== pid && next.pid > 0
    }
    await until(`${how}: there is another daemon`, another, 120_000)
    session.proxy.clear()
    said = ''
    shell.stdin.write('look\n')
    await until('the shell sees its files', () => said.includes('done'), 120_000)
    t.match(said, 'first second third\nmoved\n', `${how}: all is there`)
  }
  shell.stdin.end()
  await once(shell, 'exit')
  const { logFile = '' } = (await daemon()) ?? {}
  t.match(await helper.sh(`cat ${logFile}`), /the daemon died; it is started again.*SIGKILL/)
  t.equal((await helper.pailfs('umount', dir)).code, 0)
  t.same(await session.client.keys(), ['part/d/', 'part/d/to', 'part/f'])
  t.equal(String(await session.client.get('part/f')), 'first second third\n')
})
