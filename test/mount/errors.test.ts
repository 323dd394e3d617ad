/** What programs are told when the bucket says no, what the log says, and what becomes of the data. */
import t from 'tap'
import { ACCESS_DENIED, INTERNAL_ERROR, SLOW_DOWN, type Fault } from '../support/proxy-faults.ts'
import { flush, onServers, until } from '../support/session.ts'

t.setTimeout(300_000)

const status = (status: number, code: string): Fault => ({ do: 'status', status, code })

await onServers('an errno by cause and a line in the log', async (t, { mount, client, proxy }) => {
  await client.putMany(['denied', 'gone', 'cold', 'fine', 'd/denied'], 'content')
  const m = await mount({ args: ['--metadata-ttl=0', '--write-back=0'] })
  await m.sh('ls -l . d')
  const fault = (key: string, what: Fault): void => {
    proxy.inject({ key, kind: ['GetObject', 'HeadObject', 'PutObject', 'CopyObject'] }, what, 1e6)
  }
  fault('denied', ACCESS_DENIED)
  t.match(await m.sh('cat denied 2>&1 || true'), /Permission denied/)
  fault('cold', status(403, 'InvalidObjectState'))
  t.match(await m.sh('cat cold 2>&1 || true'), /Permission denied/)
  await client.delete('gone')
  t.match(await m.sh('cat gone 2>&1 || true'), /No such file/)
  t.match(await m.sh('cat never 2>&1 || true'), /No such file/)
  proxy.inject({ key: 'over', kind: 'PutObject' }, status(403, 'QuotaExceeded'), 1e6)
  t.match(await m.sh('dd if=/dev/zero of=over bs=9 count=1 conv=fsync 2>&1 || true'), /quota/i)
  fault('new', ACCESS_DENIED)
  t.match(
    await m.sh('dd if=/dev/zero of=new bs=9 count=1 conv=fsync 2>&1 || true'),
    /Permission denied/,
  )
  fault('bad', status(400, 'InvalidRequest'))
  t.match(
    await m.sh('dd if=/dev/zero of=bad bs=9 count=1 conv=fsync 2>&1 || true'),
    /Input\/output error/,
  )
  proxy.inject(
    { kind: 'ListObjectsV2', where: r => r.url.includes('prefix=d') },
    ACCESS_DENIED,
    1e6,
  )
  t.match(await m.sh('ls d 2>&1 || true'), /Permission denied/)
  t.equal(await m.sh('cat fine'), 'content', 'all else goes on')
  const log = await m.log()
  for (const key of ['denied', 'new']) {
    const lines = log
      .split('\n')
      .filter(line => line.includes(`key=${key} `) || line.endsWith(`key=${key}`))
    t.match(lines.join('\n'), /PROXY0000000001/, `${key}: the request id is logged`)
    t.match(lines.join('\n'), /hint=/, `${key}: with a hint`)
  }
  t.notMatch(log, /uncaught|unhandled/)
  t.match((await m.pailfs('why', `${m.dir}/new`)).out, /\/new: .*denied|AccessDenied|EACCES/i)
  const why = (await m.pailfs('why', `${m.dir}/over`)).out
  t.match(
    why,
    /\/over: PutObject "over": QuotaExceeded 403 .* \(request PROXY0000000001\)\n {2}The quota/,
  )
  t.equal(why.split('The quota').length, 2, 'the hint is said once')
  const left = await m.pailfs('umount', m.dir)
  t.equal(left.code, 7, 'umount says that something is left')
  t.match(
    left.err,
    /kept in the journal: .*\n(.*\n)* {2}\/over: .*\n {4}The quota(.*\n)*.*umount --force/,
  )
  t.equal((await m.pailfs('flush', `${m.dir}/over`)).code, 7)
  t.equal(await m.sh('cat fine'), 'content', 'it stays mounted')
  proxy.clear()
  await flush(m)
  t.equal((await client.get('over')).length, 9, 'what was refused is sent when it is allowed')
})

await onServers('a failed upload keeps its data and is tried again', async (t, session) => {
  const { mount, client, proxy } = session
  const m = await mount({ args: ['--write-back=100ms'] })
  const slow = proxy.inject('PutObject', SLOW_DOWN, 1e6)
  await m.sh('echo precious >f; echo second >g')
  await until('some attempts', () => slow.hits >= 3)
  t.equal(await m.sh('cat f g'), 'precious\nsecond\n')
  t.same(await client.keys(), [])
  t.match((await m.pailfs('status')).out, /f|pending|2/)
  slow.remove()
  await until('it arrives', async () => (await client.keys()).length === 2)
  t.equal((await client.get('f')).toString(), 'precious\n')
  const broken = proxy.inject('PutObject', INTERNAL_ERROR, 4)
  await m.sh(
    'echo fsynced >h; dd if=/dev/zero of=h bs=1 count=1 seek=20 conv=notrunc,fsync 2>/dev/null',
    { timeout: 120_000 },
  )
  t.equal((await client.get('h')).length, 21, 'fsync waited for the bucket')
  t.equal(broken.hits, 4)
  proxy.inject('PutObject', { do: 'reset' }, 2)
  proxy.inject('PutObject', { do: 'lose-reply' }, 1)
  await m.sh('echo once >once; dd if=/dev/null of=once conv=notrunc,fsync 2>/dev/null', {
    timeout: 120_000,
  })
  t.equal((await client.get('once')).toString(), 'once\n', 'a lost reply does no harm')
  t.notOk((await client.keys()).some(key => key.includes('conflict')))
})

await onServers('what could not be sent survives the mount', async (t, session) => {
  const { mount, client, proxy } = session
  const m = await mount({ args: ['--write-back=100ms', '--drain-timeout=2s'] })
  await m.sh('echo before >f')
  await flush(m)
  proxy.inject(
    { kind: ['PutObject', 'DeleteObject', 'DeleteObjects', 'CopyObject'] },
    SLOW_DOWN,
    1e6,
  )
  await m.sh('echo after >f; echo new >g; rm -f none; mkdir d')
  t.not(await m.stop(), 0, 'the exit code tells that something is left')
  t.match(await m.log(), /stay in the journal/)
  t.equal((await client.get('f')).toString(), 'before\n')
  proxy.clear()
  const again = await mount({ work: m.work })
  t.equal(await again.sh('cat f g; ls'), 'after\nnew\nd\nf\ng\n')
  await until('it arrives', async () => {
    return (
      (await client.keys()).join() === 'd/,f,g' && (await client.get('f')).toString() === 'after\n'
    )
  })
  t.equal((await client.get('f')).toString(), 'after\n')
  await again.sh('echo killed >k; rm g')
  await again.kill9({ leave: true })
  const third = await mount({ work: m.work })
  t.equal(
    await third.sh('cat k; ls'),
    'killed\nd\nf\nk\n',
    'nor is it lost when the daemon is killed',
  )
  await flush(third)
  t.same(await client.keys(), ['d/', 'f', 'k'])
})

await onServers('a stalled server blocks nobody for ever', async (t, { mount, client, proxy }) => {
  await client.putMany(['stalled', 'fine'], 'content')
  const m = await mount({ args: ['--read-timeout=4s'] })
  await m.sh('ls')
  const stall = proxy.inject({ key: 'stalled' }, { do: 'stall' }, 1e6)
  t.match(await m.sh('cat stalled 2>&1 || true', { timeout: 120_000 }), /timed out/i)
  t.ok(stall.hits > 0)
  t.equal(await m.sh('cat fine; echo x >new; cat new'), 'contentx\n', 'others go on')
  stall.remove()
  t.equal(await m.sh('cat stalled', { timeout: 120_000 }), 'content')
  proxy.inject({ key: 'fine', kind: 'GetObject' }, { do: 'reset', afterBytes: 3 }, 2)
  proxy.inject({ key: 'fine', kind: 'GetObject' }, { do: 'truncate', bytes: 2 }, 1)
  t.equal(
    await m.sh('cat fine', { timeout: 120_000 }),
    'content',
    'torn bodies are asked for again',
  )
})
