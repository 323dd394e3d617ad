/** Every way of changing files and names, through a real mount, and what is in the bucket afterwards. */
import t from 'tap'
import { flush, onServers, type Session } from '../support/session.ts'
import type { Mount } from '../support/mount.ts'

t.setTimeout(300_000)

/** Runs Python in the mount; what it prints. */
const python = (m: Mount, script: string): Promise<string> =>
  m.sh('/usr/bin/python3 -', { input: `import os, errno, mmap, stat\n${script}` })

const text = async ({ client }: Session, key: string): Promise<string> =>
  (await client.get(key)).toString()

await onServers('create, write anywhere, append, truncate', async (t, session) => {
  const m = await session.mount()
  await m.sh('echo one >f; echo two >>f; printf X | dd of=f bs=1 seek=1 conv=notrunc 2>/dev/null')
  await m.sh('truncate -s 6 f; echo empty >e; : >e; touch never; echo 12345 >t; truncate -s 3 t')
  await m.sh('truncate -s 5000000 sparse; echo end >>sparse')
  await python(
    m,
    `
fd = os.open('x', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
os.pwrite(fd, b'tail', 100); os.pwrite(fd, b'head', 0)
os.ftruncate(fd, 50); os.ftruncate(fd, 60); os.pwrite(fd, b'!', 59)
assert os.pread(fd, 4, 0) == b'head' and os.fstat(fd).st_size == 60
try:
    os.open('x', os.O_CREAT | os.O_EXCL | os.O_WRONLY); assert False
except FileExistsError: pass
os.close(fd)
a = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
b = os.open('log', os.O_WRONLY | os.O_APPEND)
for i in range(5): os.write(a, b'a'); os.write(b, b'b')
os.close(a); os.close(b)
fd = os.open('map', os.O_RDWR | os.O_CREAT, 0o644); os.ftruncate(fd, 300000)
with mmap.mmap(fd, 300000) as view:
    view[0:5] = b'start'; view[150000:150003] = b'mid'; view[299997:300000] = b'end'; view.flush()
    os.close(fd)
    view[10:12] = b'ok'
`,
  )
  await flush(m)
  t.equal(await text(session, 'f'), 'oXe\ntw')
  t.equal(await text(session, 'e'), '')
  t.equal(await text(session, 'never'), '')
  t.equal(await text(session, 't'), '123')
  t.equal(await text(session, 'log'), 'ababababab')
  const x = await session.client.get('x')
  t.same(x, Buffer.concat([Buffer.from('head'), Buffer.alloc(55), Buffer.from('!')]))
  const sparse = await session.client.get('sparse')
  t.equal(sparse.length, 5_000_004)
  t.ok(sparse.subarray(0, 5_000_000).every(byte => byte === 0))
  const map = await session.client.get('map')
  t.equal(map.subarray(0, 5).toString(), 'start')
  t.equal(map.subarray(10, 12).toString(), 'ok')
  t.equal(map.subarray(150_000, 150_003).toString(), 'mid')
  t.equal(map.subarray(299_997).toString(), 'end')
  await session.client.put('there', '0123456789')
  await m.stop()
  const later = await session.mount({ work: m.work })
  await later.sh('printf AB | dd of=there bs=1 seek=3 conv=notrunc 2>/dev/null; echo C >>there')
  await later.sh(
    'truncate -s 2 f; echo new >x; printf 1 | dd of=map bs=1 seek=7 conv=notrunc 2>/dev/null',
  )
  await flush(later)
  t.equal(await text(session, 'there'), '012AB56789C\n')
  t.equal(await text(session, 'f'), 'oX')
  t.equal(await text(session, 'x'), 'new\n')
  t.equal((await session.client.get('map')).subarray(0, 12).toString(), 'start\0\x001\0\0ok')
})

await onServers('O_TRUNC does not empty the object in the bucket', async (t, session) => {
  await session.client.put('f', 'old content')
  const m = await session.mount()
  session.proxy.reset()
  t.equal(
    await python(
      m,
      `
fd = os.open('f', os.O_WRONLY | os.O_TRUNC); assert os.fstat(fd).st_size == 0
import time; time.sleep(3)
print('open'); os.write(fd, b'new'); os.close(fd)`,
    ),
    'open\n',
  )
  await flush(m)
  t.equal(await text(session, 'f'), 'new')
  t.same(session.changes(), { PutObject: 1 }, 'nothing was sent while it was open and empty')
})

await onServers('unlink and rename of open files', async (t, session) => {
  await session.client.put('stored', 'stored bytes')
  const m = await session.mount()
  await python(
    m,
    `
fd = os.open('gone', os.O_RDWR | os.O_CREAT, 0o644); os.write(fd, b'abc'); os.unlink('gone')
assert not os.path.exists('gone') and os.listdir('.') == ['stored'], os.listdir('.')
os.pwrite(fd, b'def', 3); assert os.pread(fd, 10, 0) == b'abcdef' and os.fstat(fd).st_size == 6
os.close(fd)
fd = os.open('stored', os.O_RDONLY); os.unlink('stored')
assert os.pread(fd, 100, 0) == b'stored bytes'; os.close(fd)
fd = os.open('from', os.O_RDWR | os.O_CREAT, 0o644); os.write(fd, b'one '); os.rename('from', 'to')
os.write(fd, b'two'); os.rename('to', 'end'); os.fsync(fd); os.write(fd, b' three'); os.rename('end', 'last')
os.close(fd)
open('victim', 'w').write('victim'); v = open('victim'); open('new', 'w').write('new')
os.rename('new', 'victim'); assert v.read() == 'victim' and open('victim').read() == 'new'
v.close()
os.mkdir('d'); fd = os.open('d/f', os.O_RDWR | os.O_CREAT, 0o644); os.write(fd, b'1'); os.rename('d', 'e')
os.write(fd, b'2'); os.close(fd); assert open('e/f').read() == '12'
`,
  )
  t.equal(await m.sh('cat last; ls -A | tr "\\n" " "'), 'one two threee last victim ')
  await flush(m)
  t.same(await session.client.keys(), ['e/', 'e/f', 'last', 'victim'])
  t.equal(await text(session, 'last'), 'one two three')
  t.equal(await text(session, 'victim'), 'new')
  t.equal(await text(session, 'e/f'), '12')
})

await onServers('directories', async (t, session) => {
  await session.client.putMany(['tree/a/1', 'tree/a/2', 'tree/b/c/3', 'other/x'], 'old')
  const m = await session.mount()
  await m.sh('mkdir -p made/deep; echo not sent >tree/a/new; mkdir tree/empty; echo 22 >tree/a/2')
  t.match(await m.sh('rmdir tree 2>&1 || true; rmdir made 2>&1 || true'), /not empty.*not empty/is)
  t.match(await m.sh('mv -T tree other 2>&1 || true'), /not empty/i)
  t.match(await m.sh('mkdir tree 2>&1 || true'), /exists/)
  await m.sh('mv tree moved; mv -T moved/a made/deep; mv moved/b/c/3 moved/top; rmdir moved/b/c')
  t.equal(
    await m.sh('find . | LC_ALL=C sort | tr "\\n" " "'),
    '. ./made ./made/deep ./made/deep/1 ./made/deep/2 ./made/deep/new ./moved ./moved/b ./moved/empty ./moved/top ./other ./other/x ',
  )
  await flush(m)
  t.same(await session.client.keys(), [
    'made/',
    'made/deep/',
    'made/deep/1',
    'made/deep/2',
    'made/deep/new',
    'moved/b/',
    'moved/empty/',
    'moved/top',
    'other/x',
  ])
  t.equal(await text(session, 'made/deep/2'), '22\n')
  await m.sh('rm other/x; test -d other; rmdir other; rm -r made moved; ls -A')
  await flush(m)
  t.same(await session.client.keys(), [])
})

await onServers('mode, owner, times and links are kept', async (t, session) => {
  const m = await session.mount()
  await m.sh(
    'echo a >f; chown 1234:5678 f; chmod 4751 f; touch -d "2010-11-12 13:14:15.123456789" f',
  )
  await m.sh(
    'mkdir d; chmod 1770 d; touch -d 2011-01-01 d; ln -s "f ü" l; touch -h -d 2012-01-01 l',
  )
  await flush(m)
  const { metadata } = (await session.client.head('f')) ?? {}
  t.match(metadata, { mode: String(0o104751), uid: '1234', gid: '5678' })
  t.match(metadata?.['mtime'], /^1289567655\.123/)
  t.match(await session.client.head('d/'), {
    metadata: { mode: String(0o041770), mtime: /^1293840000/ },
    contentType: 'application/x-directory',
    size: 0,
  })
  t.match(await session.client.head('l'), { metadata: { mode: String(0o120777) } })
  t.equal(await text(session, 'l'), 'f ü')
  const seen = 'stat -c "%n %a %u:%g %Y" f d; stat -c "%N %Y" l'
  const wanted = await m.sh(seen)
  t.equal(
    wanted,
    "f 4751 1234:5678 1289567655\nd 1770 0:0 1293840000\n'l' -> 'f ü' 1325376000\n".replaceAll(
      '0:0',
      `${process.getuid?.()}:${process.getgid?.()}`,
    ),
  )
  session.proxy.reset()
  await m.sh('chmod 600 f; chown 0:0 f; touch -d 2001-01-01 f')
  await flush(m)
  t.same(session.changes(), { CopyObject: 1 }, 'metadata alone: no bytes travel')
  t.match((await session.client.head('f'))?.metadata, {
    mode: String(0o100600),
    mtime: /^978307200/,
  })
  await m.sh('chown 1234:5678 f; chmod 4751 f; touch -d @1289567655 f')
  await m.stop()
  const later = await session.mount({ work: m.work })
  t.equal(await later.sh(seen), wanted, 'another mount sees the same')
})

await onServers('the type is guessed from the name', async (t, session) => {
  const m = await session.mount()
  await m.sh(
    'for n in a.html b.png c.json d.tar.gz e noext.unknownext f.JPG; do echo x >$n; done; mv e e.css',
  )
  await flush(m)
  const types = []
  for (const key of await session.client.keys()) {
    types.push(`${key} ${(await session.client.head(key))?.contentType}`)
  }
  t.match(
    types.join('\n'),
    /a.html text\/html.*b.png image\/png.*c.json application\/json.*d.tar.gz application\/gzip.*e.css text\/css.*f.JPG image\/jpeg.*noext.unknownext (application|binary)\/octet-stream/s,
  )
})

await onServers('a rename keeps the time of what others stored', async (t, session) => {
  const { client } = session
  for (const folder of ['', 'd/', 'swap/']) {
    await client.put(`${folder}a`, 'abc')
    await client.put(`${folder}b`, 'x'.repeat(5000), { metadata: { uid: '77', mode: '33152' } })
    await client.put(`${folder}c`, 'abc', { metadata: { mtime: '978307200', own: 'x' } })
  }
  await client.put('d/', '', { contentType: 'application/x-directory' })
  const times = 'stat -c "%Y %u %a %s"'
  const m = await session.mount()
  const before = await m.sh(`sleep 2; ${times} a b c d d/a d/b d/c swap/b swap/a`)
  await m.stop()
  const other = await session.mount()
  session.proxy.reset()
  await other.sh('mv a a2; mv b b2; mv c c2; mv d e')
  await other.sh('cd swap; ls; mv a t; mv b a; mv t b')
  await flush(other)
  t.equal(session.changes()['PutObject'], 2, 'a marker, and one of the two that were swapped')
  await other.stop()
  const last = await session.mount()
  t.equal(await last.sh(`${times} a2 b2 c2 e e/a e/b e/c swap/a swap/b`), before)
  t.match((await client.head('c2'))?.metadata, { mtime: '978307200', own: 'x' })
})
