/** The ends of a mount: signals, an unmount from outside, a kill. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EXIT } from '../../src/cli/exit.ts'
import { pidOf, setUpCommand, until } from '../support/command.ts'
import { isMounted, noFuse, program } from '../support/mounted.ts'

t.setTimeout(120_000)

const skip = noFuse()

t.test('signals: SIGTERM drains and ends, a second one ends at once', { skip }, async t => {
  const { top, env, control, folder, run } = setUpCommand(t)
  const start = async (...more: string[]) => {
    const words = [program('memory-pailfs.js'), 'mount', '-f', 's3://b', folder, ...more]
    const child = spawn(process.execPath, words, {
      env,
      cwd: top,
      stdio: ['ignore', 'inherit', 'pipe'],
    })
    let log = ''
    child.stderr.setEncoding('utf8').on('data', text => (log += String(text)))
    const exit = new Promise<number | null>(resolve => child.on('close', resolve))
    t.ok(await until(() => isMounted(folder) && /mounted/.test(log)))
    return { child, exit, log: () => log }
  }
  const first = await start()
  await run('echo x > m/f')
  control('pending', '2')
  first.child.kill('SIGTERM')
  t.ok(await until(() => !isMounted(folder)), 'nothing new comes in')
  t.match(await run('pailfs status'), { out: /draining/ })
  rmSync(join(top, 'ctl/pending'))
  t.equal(await first.exit, 0)
  t.match(first.log(), /told to end.*ended .*left=0.*closed/s)

  const second = await start()
  control('pending', '2')
  second.child.kill('SIGINT')
  await until(() => !isMounted(folder))
  second.child.kill('SIGINT')
  t.equal(await second.exit, EXIT.pending)
  t.match(second.log(), /changes that are not in the bucket.*left=2/s)

  const third = await start('--drain-timeout=300ms')
  third.child.kill('SIGTERM')
  t.equal(await third.exit, EXIT.pending, 'the drain has its limit')
})

t.test('told to end while it starts', { skip }, async t => {
  const { top, env, control, folder } = setUpCommand(t)
  control('stuck')
  for (const more of [['-f'], []]) {
    const words = [program('memory-pailfs.js'), 'mount', ...more, 's3://b', folder]
    const child = spawn(process.execPath, words, { env, cwd: top, stdio: 'ignore' })
    const exit = new Promise<number | null>(resolve => child.on('close', resolve))
    const lock = () =>
      readdirSync(join(top, 'state/pailfs')).some(name =>
        existsSync(join(top, 'state/pailfs', name, 'lock')),
      )
    t.ok(await until(() => existsSync(join(top, 'state/pailfs')) && lock()))
    child.kill('SIGTERM')
    t.equal(await exit, EXIT.failure)
    t.notOk(isMounted(folder))
    t.notOk(lock(), 'nothing is left behind')
  }
})

t.test('unmounted from outside', { skip }, async t => {
  const { run, folder } = setUpCommand(t)
  await run('pailfs mount s3://b m')
  const pid = pidOf((await run('pailfs status --json')).out)
  t.match(await run('fusermount3 -u m'), { code: 0 })
  t.ok(await until(() => !existsSync(`/proc/${pid}`)), 'the daemon ends')
  t.match(await run('pailfs mount s3://b m && ls m'), { code: 0 })
  t.ok(isMounted(folder))
})

t.test('killed: the dead mount is cleared by the next', { skip }, async t => {
  const { run, folder } = setUpCommand(t)
  await run('pailfs mount --no-supervise s3://b m')
  process.kill(pidOf((await run('pailfs status --json')).out), 'SIGKILL')
  t.ok(await until(() => { try { statSync(folder); return false } catch { return true } })) // prettier-ignore
  t.match(await run('ls m'), { err: /not connected/ })
  t.match(await run('pailfs mount --no-supervise s3://b m && ls m'), { code: 0, err: '' })
  process.kill(pidOf((await run('pailfs status --json')).out), 'SIGKILL')
  t.match(await run('pailfs umount m'), { code: 0 }, 'umount clears one too')
  t.notOk(isMounted(folder))
})
