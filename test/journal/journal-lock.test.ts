/** One user a journal. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { systemProcesses, takeLock, type Processes } from '../../src/journal/journal-lock.ts'
import { freshFolder } from './subjects.ts'

const system = systemProcesses()

/** Another process, alive or not. */
function other(pid: number, alive: boolean, more: object = {}): Processes {
  const self = { ...system.self, pid, started: '77', ...more }
  return { self, started: asked => (asked === pid && alive ? '77' : undefined) }
}

t.test('held, released, taken again', async t => {
  const folder = join(freshFolder(), 'x'.repeat(150))
  mkdirSync(folder)
  const lock = await takeLock(folder)
  await t.rejects(takeLock(folder), { message: /^EBUSY: .*process \d+ on .*Unmount/ })
  lock.release()
  const again = await takeLock(folder)
  again.release()
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(readdirSync(folder), ['lock.2'])
  rmSync(folder, { recursive: true })
})

t.test('stale locks', async t => {
  const gone: [string, Processes][] = [
    ['dead', other(4, false)],
    ['its number used anew', { ...other(4, true), started: () => '99' }],
    ['before a boot', other(4, true, { boot: 'x' })],
  ]
  for (const [what, processes] of gone) {
    const folder = freshFolder()
    await takeLock(folder, processes)
    const mine = { ...processes, self: system.self }
    await t.resolves(takeLock(folder, mine), what)
    rmSync(folder, { recursive: true })
  }
  const folder = freshFolder()
  writeFileSync(join(folder, 'lock.3'), '')
  const lock = await takeLock(folder)
  t.ok(readdirSync(folder).includes('lock.4'))
  t.notOk(readdirSync(folder).includes('lock.3'))
  lock.release()
  rmSync(folder, { recursive: true })
})

t.test('holders whose process can not be seen', async t => {
  const folder = freshFolder()
  const held = await takeLock(folder, other(4, false, { host: 'elsewhere', boot: 'x' }))
  await t.rejects(takeLock(folder), { message: /^EBUSY: .*If you are sure.*delete .*lock\.1/ })
  held.release()
  // In another container: it listens, until it is gone.
  const next = await takeLock(folder, other(4, false, { space: 'pid:[1]', host: 'container' }))
  await t.rejects(takeLock(folder), { message: /^EBUSY: .*in another container/ })
  const content = readFileSync(join(folder, 'lock.2'))
  next.release()
  await new Promise(resolve => setImmediate(resolve))
  writeFileSync(join(folder, 'lock.2'), content)
  const last = await takeLock(folder)
  last.release()
  rmSync(folder, { recursive: true })
})

t.test('of many at once one gets it, also where a stale one lies', async t => {
  const child = fileURLToPath(new URL('lock-child.js', import.meta.url))
  for (const stale of [false, true]) {
    const folder = freshFolder()
    if (stale)
      writeFileSync(join(folder, 'lock.7'), JSON.stringify({ ...system.self, pid: 1, started: '' }))
    const children = Array.from({ length: 4 }, () => fork(child, [folder]))
    await Promise.all(children.map(one => once(one, 'message')))
    const said = Promise.all(children.map(async one => (await once(one, 'message'))[0] as string))
    for (const one of children) one.send('go')
    t.strictSame((await said).sort(), ['refused', 'refused', 'refused', 'taken'])
    for (const one of children) one.send('end')
    await Promise.all(children.map(one => once(one, 'exit')))
    rmSync(folder, { recursive: true })
  }
})
