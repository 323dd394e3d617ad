/** A daemon that dies is started again, the mount point is never left dead, and an ended mount leaves no process. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { EXIT } from '../../src/cli/exit.ts'
import { pidOf, setUpCommand, until, type CommandSetup } from '../support/command.ts'
import { isMounted, noFuse } from '../support/mounted.ts'

t.setTimeout(120_000)

const skip = noFuse()

async function daemonOf({ run }: CommandSetup): Promise<number> {
  return pidOf((await run('pailfs status --json')).out)
}

/** The daemon that took over, or 0. */
async function successor(setup: CommandSetup, old: number): Promise<number> {
  for (let count = 0; count < 100; count += 1) {
    const pid = await daemonOf(setup)
    if (pid > 0 && pid !== old) return pid
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return 0
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}

t.test('a killed daemon is started again', { skip }, async t => {
  const setup = setUpCommand(t)
  const { run, folder } = setup
  t.match(await run('pailfs mount s3://b m'), { code: EXIT.ok, err: '' })
  let pid = await daemonOf(setup)
  const supervisor = parentOf(pid)
  for (const round of [1, 2]) {
    process.kill(pid, 'SIGKILL')
    const next = await successor(setup, pid)
    t.ok(next, `${round}: there is a new one`)
    t.equal(parentOf(next), supervisor)
    t.ok(await until(() => statSync(folder).isDirectory()), 'and the mount answers')
    pid = next
  }
  const { logFile } = (
    JSON.parse((await run('pailfs status --json')).out) as [{ logFile: string }]
  )[0]
  t.match(await run('pailfs umount m'), { code: EXIT.ok })
  t.notOk(isMounted(folder))
  t.ok(await until(() => !existsSync(`/proc/${pid}`) && !existsSync(`/proc/${supervisor}`)))
  t.match(readFileSync(logFile, 'utf8'), /the daemon died; it is started again.*signal=SIGKILL/)
})

t.test('ended by a signal to either process', { skip }, async t => {
  for (const whom of ['daemon', 'supervisor']) {
    const setup = setUpCommand(t)
    await setup.run('pailfs mount s3://b m')
    const pid = await daemonOf(setup)
    const supervisor = parentOf(pid)
    process.kill(whom === 'daemon' ? pid : supervisor, 'SIGTERM')
    t.ok(await until(() => !existsSync(`/proc/${supervisor}`)), `${whom}: nothing is left`)
    t.notOk(isMounted(setup.folder))
    t.notOk(existsSync(`/proc/${pid}`))
  }
})

t.test('without a supervisor a dead daemon stays dead', { skip }, async t => {
  const setup = setUpCommand(t)
  const { run } = setup
  t.match(await run('pailfs mount --no-supervise s3://b m'), { code: EXIT.ok })
  const pid = await daemonOf(setup)
  process.kill(pid, 'SIGKILL')
  t.ok(await until(() => !existsSync(`/proc/${pid}`)))
  t.match(await run('ls m'), { code: 2 })
  t.match(await run('pailfs mount s3://b m && pailfs umount m'), { code: EXIT.ok, err: '' })
  t.match(await run('pailfs mount --no-supervise --supervise s3://b m'), { code: EXIT.usage })
})

t.test('one that dies again and again is given up, and its mount taken away', { skip }, async t => {
  const setup = setUpCommand(t)
  await setup.run('pailfs mount s3://b m')
  let pid = await daemonOf(setup)
  const supervisor = parentOf(pid)
  const { logFile } = (
    JSON.parse((await setup.run('pailfs status --json')).out) as [{ logFile: string }]
  )[0]
  for (let deaths = 0; deaths < 20 && existsSync(`/proc/${supervisor}`); deaths += 1) {
    process.kill(pid, 'SIGKILL')
    for (let count = 0; count < 100 && existsSync(`/proc/${supervisor}`); count += 1) {
      const next = await daemonOf(setup)
      if (next > 0 && next !== pid) {
        pid = next
        break
      }
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  t.notOk(existsSync(`/proc/${supervisor}`))
  t.notOk(isMounted(setup.folder), 'no dead mount is left')
  const log = readFileSync(logFile, 'utf8')
  const pauses = [...log.matchAll(/it is started again.*pause=(\d+)/g)].map(([, ms]) => Number(ms))
  t.same(pauses, [0, 200, 400, 800, 1600, 3000, 3000, 3000], 'longer and longer pauses')
  t.match(log, /died too often: given up.*SIGKILL.*pailfs recover/, 'and it says why')
})
