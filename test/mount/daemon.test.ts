/** A mount's life as a user sees it: the command in a process of its own, over `MemoryFs`. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EXIT } from '../../src/cli/exit.ts'
import { setUpCommand, until } from '../support/command.ts'
import { isMounted, noFuse } from '../support/mounted.ts'

t.setTimeout(120_000)

const skip = noFuse()

t.test('mount, use, status, flush, why, url, umount', { skip }, async t => {
  const { top, run, folder } = setUpCommand(t)
  t.match(await run('pailfs mount s3://b/photos m --log-level=debug'), {
    code: 0,
    out: '',
    err: '',
  })
  t.ok(isMounted(folder), 'it answers when the command returns')
  t.match(await run('echo hi > m/f && cat m/f'), { out: 'hi\n' })
  t.match(await run('pailfs status'), {
    code: 0,
    out: /s3:\/\/b\/photos on .*\n {2}mounted for .*everything is in the bucket/,
  })
  t.match(await run('pailfs flush m/f && pailfs flush && pailfs url m/f'), {
    code: 0,
    out: 'https://bucket.example/f\n',
  })
  t.match(await run('cd m && pailfs why f'), {
    code: 0,
    out: /\/f: denied: Access Denied.*\n {2}Ask the owner/,
  })
  await run('ls m/fault-denied')
  t.match(await run('pailfs why m'), {
    out: /\/fault-denied: (?:getattr|lookup) EACCES: Access Denied .*request REQ1/,
  })
  const { pid, logFile } = (
    JSON.parse((await run('pailfs status --json m')).out) as { pid: number; logFile: string }[]
  )[0]!
  t.equal(statSync(join(top, 'run/pailfs')).mode & 0o777, 0o700)
  t.notMatch(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), 'hush')
  t.equal(
    readFileSync(`/proc/${pid}/environ`, 'utf8').match(/UV_THREADPOOL_SIZE=\d+/)?.[0],
    'UV_THREADPOOL_SIZE=16',
  )
  t.match(await run('readlink /proc/' + pid + '/cwd'), { out: '/\n' })
  t.match(await run('pailfs mount s3://b/photos m'), {
    code: EXIT.mount,
    err: /is a mount already.*\n.*pailfs.* umount/s,
  })
  t.match(await run('pailfs mount s3://b/photos n'), {
    code: EXIT.busy,
    err: /mounted already, at .*\/m \(process/,
  })
  t.match(await run('pailfs umount m'), { code: 0 })
  t.notOk(isMounted(folder))
  t.ok(await until(() => !existsSync(`/proc/${pid}`)), 'the daemon has ended')
  t.same(readdirSync(join(top, 'run/pailfs')), [], 'no socket, no record')
  const log = readFileSync(logFile, 'utf8')
  t.match(log, /mounted.*ended/s)
  t.notMatch(log, 'hush')
  t.match(await run('pailfs umount m'), { code: EXIT.notMounted })
})

t.test('no mount, and why', { skip }, async t => {
  const { top, run, control, folder } = setUpCommand(t)
  control('denied')
  const denied = await run('pailfs mount s3://b m')
  t.match(denied, {
    code: EXIT.store,
    err: /Access Denied \(ListObjectsV2, AccessDenied, status 403, request REQ7\)\n {2}Check the credentials.*\n {2}Log: /,
  })
  t.notOk(isMounted(folder))
  rmSync(join(top, 'ctl/denied'))
  t.match(await run('pailfs mount s3://b ctl/nothing'), { code: EXIT.mount, err: /does not exist/ })
  writeFileSync(join(top, 'file'), '')
  t.match(await run('pailfs mount s3://b file'), { code: EXIT.mount, err: /is not a directory/ })
  t.match(await run('pailfs mount s3://b .'), { code: EXIT.mount, err: /is not empty\n.*nonempty/ })
  t.match(
    await run('env -u PATH pailfs mount s3://b m'),
    { code: 0 },
    'and then it works, without a PATH too',
  )
})

t.test('umount waits, tells, gives up in time, and refuses a busy mount', { skip }, async t => {
  const { top, run, control, folder } = setUpCommand(t)
  await run('pailfs mount s3://b m')
  control('pending', '3')
  t.match(await run('pailfs umount m --timeout 2500ms'), {
    code: EXIT.pending,
    err: /3 changes \(3 KiB\) to send\n.*still mounted/s,
  })
  t.ok(isMounted(folder))
  const waiting = run('pailfs umount m')
  await new Promise(resolve => setTimeout(resolve, 500))
  t.ok(isMounted(folder))
  rmSync(join(top, 'ctl/pending'))
  t.match(await waiting, { code: 0 })
  t.notOk(isMounted(folder))

  await run('pailfs mount s3://b m')
  const sleeper = spawn('sleep', ['60'], { cwd: folder })
  t.teardown(() => sleeper.kill())
  t.match(await run('pailfs umount m'), { code: EXIT.busy, err: /in use by sleep \(\d+\)/ })
  t.ok(isMounted(folder))
  sleeper.kill()
  await new Promise(resolve => sleeper.on('close', resolve))
  control('parked')
  t.match(await run('pailfs umount m'), { code: EXIT.pending, err: /Access Denied/ })
  t.match(await run('pailfs status'), { code: EXIT.pending })
  t.ok(isMounted(folder))
  rmSync(join(top, 'ctl/parked'))
  t.match(await run('pailfs umount m'), { code: 0 })
})

t.test('as mount(8) and fstab have it', { skip }, async t => {
  const { run, folder } = setUpCommand(t)
  t.match(await run('pailfs s3://b m -o rw,noexec,_netdev,metadata_ttl=5s'), { code: 0 })
  t.match(await run(`grep ' ${folder} ' /proc/self/mountinfo`), {
    out: /noexec.*fuse\.pailfs s3:\/\/b /,
  })
})
