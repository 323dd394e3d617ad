/**
 * What goes wrong around a mount: the server's name that cannot be looked up for a while, this machine's clock, bytes
 * that change on the way, replies that are lost after the effect. Programs wait, and get what is right.
 */
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { flush, onServers, until } from '../support/session.ts'
import { shell } from '../support/shell.ts'

const HOST = 'store.pailfs.test'

/**
 * Loaded into the daemon before its own code: HOST is known as long as the file `hosts` is there, and the clock is wrong
 * by the milliseconds in the file `skew`.
 */
const PRELOAD = `
const dns = require('node:dns')
const fs = require('node:fs')
const path = require('node:path')
const folder = path.dirname(__filename)
const { lookup } = dns
dns.lookup = (name, options, then = options) => {
  if (name !== '${HOST}') return lookup(name, options, then)
  if (!fs.existsSync(path.join(folder, 'hosts'))) {
    const error = new Error('getaddrinfo ENOTFOUND ' + name)
    return process.nextTick(then, Object.assign(error, { code: 'ENOTFOUND', hostname: name }))
  }
  const found = { address: '127.0.0.1', family: 4 }
  if (options.all) process.nextTick(then, null, [found])
  else process.nextTick(then, null, found.address, found.family)
}
const Real = Date
let skew = 0
let readAt = -Infinity
const now = () => {
  const at = performance.now()
  if (at - readAt > 50) {
    readAt = at
    try { skew = Number(fs.readFileSync(path.join(folder, 'skew'), 'utf8')) } catch { skew = 0 }
  }
  return Real.now() + skew
}
globalThis.Date = class Date extends Real {
  constructor(...words) {
    if (words.length === 0) super(now())
    else super(...words)
  }
  static now() { return now() }
}
`

t.setTimeout(300_000)

interface Surroundings {
  readonly env: Record<string, string>
  /** The name can be looked up, or not. */
  name(known: boolean): Promise<void>
  /** The clock goes wrong by so many ms. */
  clock(skew: number): Promise<void>
}

async function surroundings(t: Test): Promise<Surroundings> {
  const folder = t.testdir({ 'preload.cjs': PRELOAD, hosts: '' })
  return {
    env: { NODE_OPTIONS: `--require=${join(folder, 'preload.cjs')}` },
    name: known =>
      known ? writeFile(join(folder, 'hosts'), '') : rm(join(folder, 'hosts'), { force: true }),
    clock: skew => writeFile(join(folder, 'skew'), String(skew)),
  }
}

await onServers(
  'the name of the server is gone for a while',
  async (t, session) => {
    const { proxy, client } = session
    await client.putMany(['one', 'two'], 'content')
    const around = await surroundings(t)
    const endpoint = `http://${HOST}:${proxy.port}`
    const mount = await session.mount({ args: ['--read-timeout=60s'], endpoint, env: around.env })
    // With its attributes known, a look-up waits for nothing, nor does a new name in the directory.
    await mount.sh('ls -l')
    await around.name(false)
    proxy.disconnect()
    const reading = mount.sh('cat one', { timeout: 120_000 })
    await mount.sh('echo new > new')
    const syncing = mount.sh('sync new', { timeout: 120_000 })
    await until('the reason is shown', async () =>
      /\/new: .*ENOTFOUND/.test((await mount.pailfs('status', mount.dir)).out),
    )
    await around.name(true)
    t.equal(await reading, 'content', 'a reader waits')
    await syncing
    t.equal(String(await client.get('new')), 'new\n')
    t.equal(await mount.sh('cat two'), 'content')
  },
  ['rgw'],
)

await onServers('a clock that is wrong, either way', async (t, session) => {
  const { proxy, client } = session
  await client.putMany(['f0', 'f1', 'f2', 'f3'], 'content')
  const around = await surroundings(t)
  await around.clock(3_600_000)
  const args = ['--write-back=300ms', '--metadata-ttl=0']
  const mount = await session.mount({ args, env: around.env })
  for (const [index, hours] of [1, -1, -48, 0].entries()) {
    await around.clock(hours * 3_600_000)
    t.equal(await mount.sh(`cat f${index}; ls | wc -l`), `content${4 + 2 * index}\n`)
    await mount.sh(
      `head -c 12M /dev/zero > big${index}; sync big${index}; echo ${hours} > n${index}`,
    )
    await until('it is sent without being asked for', async () =>
      (await client.keys()).includes(`n${index}`),
    )
    t.equal((await client.get(`big${index}`)).length, 12 << 20)
  }
  t.equal((await client.keys()).length, 12, 'nothing is in conflict')
  const refused = proxy.requests.filter(({ status }) => status === 403)
  t.ok(refused.length > 0 && refused.length < 40, `${refused.length} requests were refused`)
  await flush(mount)
})

await onServers(
  'bytes that change on the way',
  async (t, session) => {
    const { proxy, client } = session
    const small = randomBytes(60_000)
    await client.put('small', small)
    const mount = await session.mount({ args: ['--read-timeout=20s'] })
    const bad = proxy.inject({ kind: 'GetObject' }, { do: 'corrupt', at: 5000 }, 2)
    const read = await shell('md5sum < small; md5sum < small', { cwd: mount.dir })
    const right = (await shell('md5sum', { input: small })).out
    t.equal(read.out, right + right, 'a changed byte never reaches a reader')
    t.equal(bad.hits, 2)
    const sent = proxy.inject(
      { kind: ['PutObject', 'UploadPart'] },
      { do: 'corrupt-request', at: 9 },
      3,
    )
    await mount.sh(
      'cp small copy; sync copy; head -c 17M /dev/zero | tr "\\\\0" x > big; sync big',
      {
        timeout: 120_000,
      },
    )
    t.equal(sent.hits, 3)
    t.ok((await client.get('copy')).equals(small), 'nor the bucket')
    t.ok((await client.get('big')).every(byte => byte === 120))
  },
  ['rgw'],
)

await onServers(
  'replies lost after the effect',
  async (t, session) => {
    const { proxy, client } = session
    const mount = await session.mount({ args: ['--write-back=100ms', '--part-size=5MiB'] })
    await client.put('d/old', 'old')
    const kinds = ['PutObject', 'CompleteMultipartUpload', 'CopyObject', 'CreateMultipartUpload']
    const deletes = ['DeleteObject', 'DeleteObjects']
    for (const kind of [...kinds, ...deletes]) proxy.inject(kind, { do: 'lose-reply' }, 1)
    await mount.sh(
      `echo a > f; sync f; head -c 12M /dev/zero > big; sync big; echo b > f; sync f
     mv d/old d/new; setfattr -n user.x -v y f; sync f; rm big`,
      { timeout: 120_000 },
    )
    await flush(mount)
    t.same(
      (await client.keys()).filter(key => !key.endsWith('/')),
      ['d/new', 'f'],
    )
    t.equal(String(await client.get('f')), 'b\n')
  },
  ['rgw'],
)
