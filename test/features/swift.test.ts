/**
 * What only native Swift has, through real mounts over a counting proxy: segments that a killed daemon leaves, shared
 * and foreign ones, metadata that a POST would drop, one token for all, bulk deletes, df. Checked past the mount.
 */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { swiftEnvironment, whyNot, FAMILIES } from '../support/families.ts'
import { mountBucket, type Mount, type MountOptions } from '../support/mount.ts'
import { Proxy, type Recorded } from '../support/proxy.ts'
import { flush, until } from '../support/session.ts'
import { freshBucket, sharedSwift } from '../support/servers.ts'

const kind = FAMILIES.find(({ title }) => title === 'Swift, v1 auth')!
const skip = await whyNot(kind)
if (skip !== false) {
  t.pass(skip, { skip })
  process.exit()
}
t.setTimeout(400_000)

const MIB = 2 ** 20
const ARGS = ['--part-size=5MiB', '--write-back=100ms', '--metadata-ttl=0']
const server = await sharedSwift()
/** A request of Swift's own API, past proxy and pailfs. */
const raw = await swiftAccess()

interface Scene {
  proxy: Proxy
  container: string
  /** What the segments container has, by full name. */
  segments: () => Promise<string[]>
  mount: (options?: Partial<MountOptions>) => Promise<Mount>
}

async function scene(t: Test): Promise<Scene> {
  const container = await freshBucket(server, 'native')
  const proxy = await Proxy.start(server)
  t.teardown(() => proxy.stop())
  const env = { ...swiftEnvironment(server), ST_AUTH: `${proxy.endpoint}/auth/v1.0` }
  return {
    proxy,
    container,
    segments: () => names(`${container}_segments`),
    mount: options =>
      mountBucket(t, {
        server,
        bucket: container,
        source: `swift://${container}`,
        env,
        args: ARGS,
        ...options,
      }),
  }
}

interface RawRequest {
  method?: string
  headers?: Record<string, string>
  body?: string
}

async function swiftAccess() {
  const { authUrl, user, key } = server.swift
  const access = await fetch(authUrl, { headers: { 'X-Auth-User': user, 'X-Auth-Key': key } })
  const url = access.headers.get('x-storage-url') ?? ''
  const token = { 'X-Auth-Token': access.headers.get('x-auth-token') ?? '' }
  return (path: string, init: RawRequest = {}) =>
    fetch(`${url}/${path}`, { ...init, headers: { ...token, ...init.headers } })
}

async function names(container: string): Promise<string[]> {
  const reply = await raw(`${container}?format=json`)
  if (reply.status !== 200) return []
  return ((await reply.json()) as { name: string }[]).map(({ name }) => name)
}

async function md5Of(path: string): Promise<string> {
  const bytes = Buffer.from(await (await raw(path)).arrayBuffer())
  return `${createHash('md5').update(bytes).digest('hex')}  -\n`
}

/** A PUT of a segment. */
function isSegment({ method, bucket, key, status }: Recorded): boolean {
  return method === 'PUT' && bucket.endsWith('_segments') && /\/\d{8}$/.test(key) && status === 201
}

/** Lets so many segments through, then none. Resolves when they are there. */
async function stallAfter(proxy: Proxy, count: number, write: () => Promise<unknown>) {
  proxy.reset()
  let begun = 0
  const where = ({ method, key }: Recorded) =>
    method === 'PUT' && /^\.pailfs\/seg\/.*\/\d{8}$/.test(key) && ++begun > count
  proxy.inject({ where }, { do: 'stall' }, Infinity)
  await write()
  await until(`${count} segments are there`, () => proxy.requests.filter(isSegment).length >= count)
}

await t.test('a daemon killed in the middle of a large upload', async t => {
  const { proxy, container, segments, mount } = await scene(t)
  const first = await mount()
  await stallAfter(proxy, 2, () =>
    first.sh(`head -c ${22 * MIB} /dev/urandom > large; md5sum < large > ../sum`),
  )
  await first.kill9({ leave: true })
  proxy.clear()
  proxy.reset()

  await t.test('the next mount goes on with it', async t => {
    const next = await mount({ work: first.work })
    await flush(next)
    t.equal(proxy.requests.filter(isSegment).length, 3, 'only what was missing is sent')
    t.equal(await md5Of(`${container}/large`), await next.sh('cat ../sum'))
    t.equal((await segments()).filter(name => name.startsWith('.pailfs/seg/')).length, 5)
    t.same(
      (await segments()).filter(name => name.startsWith('.pailfs/upload/')),
      [],
    )
    await stallAfter(proxy, 2, () => next.sh(`head -c ${12 * MIB} /dev/urandom > lost`))
    await next.kill9()
  })

  await t.test('a journal that is gone: swept, beside another mount that uploads', async t => {
    await rm(first.work, { recursive: true, force: true })
    proxy.clear()
    const orphans = (await segments()).filter(name => name.includes('/lost/'))
    t.equal(orphans.length, 3, 'two segments and the marker of the upload')
    const orphaned = Date.now()
    const other = await mount()
    const sweep = async (age: string) => {
      const done = await other.pailfs('sweep', `swift://${container}`, `--older=${age}`)
      t.equal(done.code, 0, done.err)
      return done.out
    }
    t.equal(await sweep('1h'), '0 segments (0 B) deleted\n', 'it may be going on elsewhere')
    const writing = other.sh(
      `for i in $(seq 16); do head -c ${MIB} /dev/urandom; sleep 0.5; done > alive`,
    )
    await until('the orphans are old enough', () => Date.now() - orphaned > 6000)
    await until('the other has begun', () => proxy.requests.filter(isSegment).length > 2)
    t.match(await sweep('6s'), /^[2-9] segments/)
    t.same(
      (await segments()).filter(name => name.includes('/lost/')),
      [],
    )
    await writing
    await flush(other)
    t.equal(await md5Of(`${container}/alive`), await other.sh('md5sum < alive'))
    t.equal(await md5Of(`${container}/large`), await other.sh('md5sum < large'))
    await other.sh('rm alive large')
    await flush(other)
    t.same(await segments(), [], 'nothing is left')
    t.equal(await other.stop(), 0)
  })
})

await t.test('large objects of ours', async t => {
  const { proxy, container, segments, mount } = await scene(t)
  const { sh, ...own } = await mount()
  await sh(`head -c ${22 * MIB} /dev/urandom > big; md5sum < big > ../sum`)
  await flush({ sh, ...own })
  proxy.reset()
  const sent = () => proxy.requests.reduce((sum, { requestBytes }) => sum + requestBytes, 0)
  await sh('mv big moved; chmod 600 moved; setfattr -n user.note -v kept moved')
  await flush({ sh, ...own })
  t.equal(await md5Of(`${container}/moved`), await sh('cat ../sum'))
  t.ok(sent() < 20_000, `a rename and new metadata send no data: ${sent()} bytes`)
  t.same(await names(container), ['moved'])
  proxy.reset()
  await sh(`printf changed | dd of=moved bs=1 seek=${9 * MIB} conv=notrunc 2>&1`)
  await flush({ sh, ...own })
  t.equal(await md5Of(`${container}/moved`), await sh('md5sum < moved'))
  t.equal(proxy.requests.filter(isSegment).length, 1, 'one new segment')
  t.ok(sent() < 11 * MIB, `only what changed is sent: ${sent()} bytes`)
  const head = await raw(`${container}/moved`, { method: 'HEAD' })
  t.equal(head.headers.get('x-object-meta-note'), 'kept')
  await sh('cp moved copy; rm moved')
  await flush({ sh, ...own })
  t.equal(await md5Of(`${container}/copy`), await sh('md5sum < copy'))
  await sh('rm copy')
  await flush({ sh, ...own })
  t.same(await segments(), [], 'segments go with the last object')
})

await t.test("others' large objects keep what makes them one", async t => {
  const { container, segments, mount } = await scene(t)
  const { sh, ...own } = await mount()
  const below = `${container}_segments`
  await raw(below, { method: 'PUT' })
  for (const [at, text] of ['one', 'two', 'three'].entries()) {
    for (const name of ['dlo', 'slo/slo']) {
      await raw(`${below}/${name}/1.5/11/5/0000000${at}`, { method: 'PUT', body: text })
    }
    await raw(`${below}/shared/0000000${at}`, { method: 'PUT', body: text })
  }
  const expires = String(Math.floor(Date.now() / 1000) + 86_400)
  const headers = { 'Content-Type': 'text/x-kept', 'X-Delete-At': expires }
  const dynamic = (name: string, prefix: string) =>
    raw(`${container}/${name}`, {
      method: 'PUT',
      headers: { ...headers, 'X-Object-Manifest': `${below}/${prefix}` },
    })
  await dynamic('dlo', 'dlo/1.5/11/5/')
  await dynamic('shares', 'shared/')
  const manifest = [0, 1, 2].map(at => ({ path: `${below}/slo/slo/1.5/11/5/0000000${at}` }))
  const made = await raw(`${container}/slo/slo?multipart-manifest=put`, {
    method: 'PUT',
    headers,
    body: JSON.stringify(manifest),
  })
  t.equal(made.status, 201)
  for (const name of ['dlo', 'slo/slo', 'shares']) {
    t.equal(await sh(`cat ${name}`), 'onetwothree', name)
    t.equal((await sh(`stat -c %s ${name}`)).trim(), '11')
    await sh(`setfattr -n user.colour -v red ${name}; touch -d @1000000000 ${name}`)
  }
  await flush({ sh, ...own })
  for (const name of ['dlo', 'slo/slo', 'shares']) {
    const { headers } = await raw(`${container}/${name}`, { method: 'HEAD' })
    t.equal(headers.get('content-type'), 'text/x-kept', `${name}: Content-Type`)
    t.equal(headers.get('x-delete-at'), expires, `${name}: X-Delete-At`)
    t.equal(headers.get('x-object-meta-colour'), 'red')
    t.equal(headers.get('x-object-meta-mtime'), '1000000000')
    if (name !== 'slo/slo') t.match(headers.get('x-object-manifest'), `${below}/`)
    t.equal(await (await raw(`${container}/${name}`)).text(), 'onetwothree')
  }
  await sh('mv dlo moved; rm -r slo shares')
  await flush({ sh, ...own })
  t.equal(await (await raw(`${container}/moved`)).text(), 'onetwothree')
  await sh('rm moved')
  await flush({ sh, ...own })
  t.same(await names(container), [])
  t.same(
    await segments(),
    [0, 1, 2].map(at => `shared/0000000${at}`),
    'its own segments go with an object, shared ones stay',
  )
})

await t.test('one new token for all', async t => {
  const { proxy, mount } = await scene(t)
  const { sh, ...own } = await mount()
  await sh('for i in $(seq 16); do echo $i > f$i; done')
  await flush({ sh, ...own })
  proxy.reset()
  const injected = proxy.inject(
    {
      where: ({ kind }) => /^swift (GET|HEAD) object/.test(kind) && proxy.count('swift auth') === 0,
    },
    { do: 'status', status: 401 },
    Infinity,
  )
  const read = await sh('for i in $(seq 16); do cat f$i & done; wait')
  t.equal(read.trim().split('\n').length, 16)
  t.ok(injected.hits > 0, `${injected.hits} requests were refused`)
  t.equal(proxy.count('swift auth'), 1)
})

await t.test('many are deleted in one request; df has real bytes and the quota', async t => {
  const { proxy, container, mount } = await scene(t)
  const { sh, ...own } = await mount({ args: ['--write-back=5s', '--metadata-ttl=0'] })
  await sh('mkdir d; for i in $(seq 60); do echo $i > d/f$i; done; head -c 1000000 /dev/zero > z')
  await flush({ sh, ...own })
  proxy.reset()
  await sh('rm -r d')
  await flush({ sh, ...own })
  t.same(await names(container), ['z'])
  const bulk = proxy.requests.filter(({ url }) => url.includes('bulk-delete'))
  t.ok(bulk.length >= 1 && bulk.length <= 4, `${bulk.length} requests for 61 objects`)
  t.ok(proxy.count('swift DELETE object') <= 3)
  await raw(container, {
    method: 'POST',
    headers: { 'X-Container-Meta-Quota-Bytes': '4000000' },
  })
  t.equal(await own.stop(), 0)
  const next = await mount()
  const [size = 0, used = 0] = (await next.sh('df -B1 --output=size,used . | tail -1'))
    .trim()
    .split(/ +/)
    .map(Number)
  t.ok(Math.abs(size - 4_000_000) < 10_000, `df: the quota: ${size}`)
  t.ok(Math.abs(used - 1_000_000) < 10_000, `df: the bytes: ${used}`)
  await next.sh(`head -c 5000000 /dev/zero > over`)
  const said = await next.pailfs('flush', next.dir)
  t.not(said.code, 0)
  t.match(said.err + said.out, /quota/i)
  await next.sh('rm over')
})
