/**
 * Readers on a bad network: a read is tried again until --read-timeout and then says ETIMEDOUT; what is torn is
 * fetched anew; a reader can be interrupted; writers are not held up by a store that is away.
 */
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { flush, onServers } from '../support/session.ts'
import { shell } from '../support/shell.ts'
import { startStorm } from './storm.ts'

const MiB = 1024 * 1024

t.setTimeout(300_000)

await onServers('torn and refused replies are fetched again', async (t, session) => {
  const { proxy, client } = session
  const bytes = randomBytes(9 * MiB)
  const hash = createHash('md5').update(bytes).digest('hex')
  await client.put('data', bytes)
  const faults = [
    { do: 'reset', afterBytes: 70_000 },
    { do: 'truncate', bytes: 100_000 },
    { do: 'status', status: 503, code: 'SlowDown' },
    { do: 'status', status: 500, code: 'InternalError' },
    { do: 'status', status: 403, code: 'ExpiredToken' },
    { do: 'stall', afterBytes: 5000 },
  ] as const
  for (const fault of faults) {
    const mount = await session.mount({ args: ['--read-timeout=20s'] })
    // A stall lasts a quarter of the timeout.
    const armed = proxy.inject('GetObject', fault, fault.do === 'stall' ? 2 : 3)
    const name = 'code' in fault ? fault.code : fault.do
    t.match(await mount.sh('md5sum data', { timeout: 60_000 }), hash, name)
    t.ok(armed.hits > 0, `${name}: it was met`)
    armed.remove()
    await mount.stop()
  }
})

await onServers(
  'a store that is silent or away',
  async (t, session) => {
    const { proxy, client } = session
    await client.put('data', randomBytes(3 * MiB))
    const mount = await session.mount({ args: ['--read-timeout=4s'] })
    for (const fault of [{ do: 'stall' }, { do: 'reset' }] as const) {
      // With a fresh listing, a new name needs no request.
      await mount.sh('ls')
      proxy.inject({}, fault, Infinity)
      const before = performance.now()
      const read = await shell('cat data > /dev/null', { cwd: mount.dir, timeout: 60_000 })
      const seconds = (performance.now() - before) / 1000
      t.not(read.code, 0)
      t.match(read.err, /timed out/, fault.do)
      t.ok(seconds < 20, `${fault.do}: ${seconds.toFixed(1)} s`)
      t.ok(
        (await shell('timeout 30 ls -la . nothing', { cwd: mount.dir })).code < 100,
        'a listing ends too',
      )
      const write = performance.now()
      await mount.sh(`echo ${fault.do} > new-${fault.do}`)
      t.ok(performance.now() - write < 30_000, 'a write is taken')
      const sync = await shell(`timeout 60 sync new-${fault.do}`, { cwd: mount.dir })
      t.match(sync.err, /timed out/, 'an fsync says that it is not in the bucket')
      proxy.clear()
      await flush(mount)
      t.equal(String(await client.get(`new-${fault.do}`)), `${fault.do}\n`)
      await mount.sh('cat data > /dev/null')
    }
  },
  ['rgw'],
)

await onServers(
  'a reader is interrupted',
  async (t, session) => {
    const { proxy, client } = session
    await client.put('data', randomBytes(3 * MiB))
    for (const fuse of ['direct', 'native']) {
      const mount = await session.mount({ args: ['--read-timeout=8s', `--fuse=${fuse}`] })
      await mount.sh('stat data')
      proxy.inject('GetObject', { do: 'stall' }, Infinity)
      const before = performance.now()
      const { code } = await shell('timeout -s INT -k 60 1 cat data > /dev/null', {
        cwd: mount.dir,
      })
      const seconds = (performance.now() - before) / 1000
      t.not(code, 0)
      // libfuse's interrupts do not reach JavaScript: there it takes the read's own time.
      t.ok(seconds < (fuse === 'direct' ? 4 : 30), `${fuse}: ended after ${seconds.toFixed(1)} s`)
      t.comment(`figures: ${JSON.stringify({ interrupted: fuse, seconds })}`)
      proxy.clear()
      await mount.stop()
    }
  },
  ['rgw'],
)

await onServers(
  'everything is read right through a storm',
  async (t, session) => {
    const { proxy, client } = session
    const hashes = new Map<string, string>()
    for (let at = 0; at < 60; at += 1) {
      const bytes = randomBytes(at * at * 700)
      hashes.set(`d${at % 5}/f${at}`, createHash('md5').update(bytes).digest('hex'))
      await client.put(`d${at % 5}/f${at}`, bytes)
    }
    const mount = await session.mount({ args: ['--read-timeout=30s'] })
    const storm = startStorm(proxy, 5, 2)
    const read = await shell('find . -type f -exec md5sum {} +', {
      cwd: mount.dir,
      timeout: 200_000,
    })
    const lines = read.out
      .trim()
      .split('\n')
      .map(line => line.split(/ +\.\//))
    const wrong = lines.filter(([hash, key = '']) => hashes.get(key) !== hash)
    t.same(wrong, [], 'nothing that was read is wrong')
    if (read.code === 0) t.equal(lines.length, 60)
    else t.match(read.err, /timed out|Input\/output/)
    t.comment(
      `figures: ${JSON.stringify({ code: read.code, read: lines.length, hits: storm.hits() })}`,
    )
    storm.end()
    const again = await mount.sh('find . -type f | wc -l', { timeout: 60_000 })
    t.equal(again.trim(), '60')
  },
  ['rgw'],
)
