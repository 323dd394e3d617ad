/** Listings, attributes and reads of what others put in the bucket, through a real mount. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { flush, onServers, until } from '../support/session.ts'

t.setTimeout(300_000)

const MiB = 1024 * 1024

await onServers('listings with continuation', async (t, { kind, mount, proxy, client }) => {
  // More than two pages on RGW; Swift needs a fortieth of a second of CPU for each object put.
  const count = kind === 'swift' ? 1050 : 2300
  const names = Array.from({ length: count }, (_, i) => `f${String(i).padStart(5, '0')}`)
  await client.putMany(
    names.map(name => `many/${name}`),
    'x',
  )
  await client.putMany(['a', 'implicit/deep/er/x', 'marker/', 'marker/y', 'zz/'], '')
  const m = await mount({ args: ['--attributes=listing'] })
  proxy.reset()
  t.equal(await m.sh('ls many'), `${names.join('\n')}\n`.replaceAll('\\n', '\n'))
  t.ok(proxy.count('ListObjectsV2') >= Math.ceil(count / 1000))
  t.equal(
    await m.sh('find . -type f | wc -l; find . -type d | LC_ALL=C sort | tr "\n" " "'),
    `${count + 3}\n. ./implicit ./implicit/deep ./implicit/deep/er ./many ./marker ./zz `,
  )
  t.equal(
    await m.sh('ls -A zz; ls marker; cat many/f01049; stat -c "%s %F" marker many/f00000'),
    'y\nx4096 directory\n1 regular file\n',
  )
  const before = proxy.count('ListObjectsV2')
  await m.sh('ls many | tail -1; ls many/f00000; ! ls many/none 2>/dev/null')
  t.equal(proxy.count('ListObjectsV2'), before, 'a fresh listing is not asked for again')
})

await onServers('odd names', async (t, { mount, client }) => {
  const keys = [
    'sp ace',
    'ünï/cödé',
    'new\nline',
    'a&b<c>"\'',
    '100%',
    'plus+',
    '.hidden',
    '-dash',
    'back\\slash',
    '日本/語',
  ]
  await client.putMany(keys, 'x')
  const m = await mount()
  t.equal(
    await m.sh('find . -type f -print0 | LC_ALL=C sort -z | tr "\\0" "|"'),
    keys
      .map(key => `./${key}|`)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .join(''),
  )
  t.equal(await m.sh('find . -type f -exec cat {} +'), 'x'.repeat(keys.length))
  await m.sh('find . -depth -mindepth 1 -type f -execdir mv {} {}.2 ";"')
  await flush(m)
  t.same(
    (await client.keys()).filter(key => !key.endsWith('/')),
    keys.map(key => `${key}.2`).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
})

await onServers(
  'ranged GETs with If-Match, read ahead, many readers',
  async (t, { mount, proxy, ...s }) => {
    const m = await mount()
    await m.sh('head -c 25000000 /dev/urandom >../noise; cp ../noise big')
    await flush(m)
    await m.stop()
    const later = await mount({ work: m.work })
    proxy.reset()
    t.equal(
      await later.sh(
        'dd if=big bs=100 skip=150000 count=1 2>/dev/null | cmp - <(dd if=../noise bs=100 skip=150000 count=1 2>/dev/null) && echo same',
      ),
      'same\n',
    )
    const got = proxy.matching('GetObject').reduce((sum, { replyBytes }) => sum + replyBytes, 0)
    t.ok(got <= 3 * MiB, `${got} bytes for 100`)
    proxy.reset()
    await later.sh('cmp big ../noise')
    const gets = proxy.matching('GetObject')
    t.ok(
      gets.every(({ headers }) => headers.range),
      'ranges only',
    )
    t.ok(
      gets.slice(1).every(({ headers }) => headers['if-match']),
      'of one version',
    )
    t.ok(gets.length < 60, `${gets.length} GETs for 25 MB`)
    await later.sh(
      'p=; for i in $(seq 16); do cmp big ../noise & p="$p $!"; done; for i in $p; do wait $i; done',
      { timeout: 240_000 },
    )
    const random = `
import os, random, concurrent.futures
a, b = os.open('big', os.O_RDONLY), os.open('../noise', os.O_RDONLY)
def check(n):
    r = random.Random(n)
    for _ in range(40):
        at, size = r.randrange(25_000_000), r.randrange(1, 300_000)
        assert os.pread(a, size, at) == os.pread(b, size, at), (at, size)
list(concurrent.futures.ThreadPoolExecutor(12).map(check, range(12)))`
    await later.sh('/usr/bin/python3 -', { input: random, timeout: 240_000 })
    proxy.reset()
    await later.sh('cmp big ../noise')
    t.equal(proxy.count('GetObject'), 0, 'a version that is cached is not fetched again')
    t.same(s.changes(), {})
  },
)

await onServers(
  'the page cache has a bound',
  async (t, { mount, server, bucket }) => {
    const first = await mount()
    await first.sh('head -c 150000000 /dev/urandom >../noise; cp ../noise big', {
      timeout: 240_000,
    })
    await flush(first)
    await first.stop()
    const m = await mount({ work: first.work, server, bucket, args: ['--cache-size=32MiB'] })
    const memory = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${m.pid}/status`, 'utf8'))?.[1]) * 1024
    const before = await memory()
    await m.sh('cmp big ../noise; cmp big ../noise', { timeout: 240_000 })
    const grown = (await memory()) - before
    t.ok(grown < 32 * MiB + 100 * MiB, `${Math.round(grown / MiB)} MiB more after reading 300 MB`)
  },
  ['rgw'],
)

await onServers('readers never see a mix of versions', async (t, { mount, client }) => {
  const size = 24 * MiB
  await client.put('f', Buffer.alloc(size, 'a'))
  const m = await mount({ args: ['--cache-size=16MiB'] })
  // Opens, reads the start, waits until the object was replaced, reads far beyond what was read ahead.
  const script = `
import errno, os, time
fd = os.open('f', os.O_RDONLY)
assert os.pread(fd, 10, 0) == b'a' * 10
open('../opened', 'w').close()
while not os.path.exists('../replaced'): time.sleep(0.05)
for at in (${size} - 5000, ${size} // 2):
  try: print('read', set(os.pread(fd, 1000, at)))
  except OSError as e: print(os.strerror(e.errno))
# What was read before is of the old version or refused, never of the new one.
try: assert os.pread(fd, 10, 0) == b'a' * 10
except OSError as e: assert e.errno == errno.ESTALE
os.close(fd)
print(open('f', 'rb').read() == b'b' * ${size + 1})`
  const reader = m.sh('/usr/bin/python3 -', { input: script, timeout: 120_000 })
  await until('it is open', async () => (await m.sh('ls ..')).includes('opened'))
  await client.put('f', Buffer.alloc(size + 1, 'b'))
  await m.sh('touch ../replaced')
  t.equal(await reader, 'Stale file handle\nStale file handle\nTrue\n')
  t.match((await m.pailfs('why', `${m.dir}/f`)).out, /read ESTALE/)
  await client.put('g', 'one')
  await m.sh('ls')
  await client.put('f', 'short')
  t.equal(await m.sh('cat f'), 'short', 'a new open sees what is there by then')
})
