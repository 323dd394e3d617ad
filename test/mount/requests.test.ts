/** What reaches the bucket, counted on the way: the table in docs "Desired state", by real programs. */
import t from 'tap'
import { CHANGES, flush, onServers } from '../support/session.ts'

t.setTimeout(300_000)

await onServers(
  'a small file is one PUT and one GET',
  async (t, { mount, proxy, client, ...s }) => {
    await client.put('c', 'from afar')
    const m = await mount()
    // The one HEAD in this version's life, for its times and mode.
    await m.sh('stat c')
    proxy.reset()
    t.equal(await m.sh('cat c'), 'from afar')
    t.equal(proxy.count('GetObject'), 1)
    t.equal(proxy.count('HeadObject'), 0, 'the GET answers what a HEAD would')
    t.same(s.changes(), {})
    await client.delete('c')
    await m.sh('echo hello >a.txt')
    await flush(m)
    t.same(s.changes(), { PutObject: 1 })
    t.same(await client.keys(), ['a.txt'])
    await m.sh('cp a.txt b.html; touch -d 2001-02-03 b.html; chmod 600 b.html')
    await flush(m)
    t.same(s.changes(), { PutObject: 2 }, 'a copy with its times and mode is one PUT')
    t.match(await client.head('b.html'), { contentType: /^text\/html/, size: 6 })
  },
)

await onServers('cp of a large file is a copy on the server', async (t, { mount, proxy, ...s }) => {
  // Through libfuse it is a download and an upload.
  if (process.getuid?.() !== 0) return
  const m = await mount()
  await m.sh('head -c 5000000 /dev/urandom >../big; cp ../big big')
  await flush(m)
  proxy.reset()
  await m.sh('cp big copy')
  t.same(s.changes(), { CopyObject: 1 }, 'before anybody waits for it')
  await m.sh('cmp ../big copy; rm big')
  await flush(m)
  t.equal(await m.sh('ls; cmp ../big copy'), 'copy\n')
})

await onServers('rsync', async (t, { mount, proxy, client, ...s }) => {
  const m = await mount()
  await m.sh('mkdir ../src; seq 1000 >../src/one; touch -d "2003-04-05 06:07:08" ../src/one')
  proxy.reset()
  await m.sh('rsync -a ../src/one .')
  await flush(m)
  t.same(s.changes(), { PutObject: 1 }, 'a file is one PUT')
  t.match(await client.head('one'), { metadata: { mtime: /^1049522828(\.0*)?$/ } })
  await m.sh('mkdir -p ../src/d/e; for i in $(seq 20); do seq $i >../src/d/e/$i; done')
  await m.sh('ln -s e/1 ../src/d/link; chmod 640 ../src/d/e/2')
  proxy.reset()
  await m.sh('rsync -a ../src/ tree/')
  await flush(m)
  t.same(s.changes(), { PutObject: 21 + 1 + 3 }, 'files, a link, directories: one PUT each')
  const again = 'rsync -ai ../src/ tree/'
  proxy.reset()
  t.equal(await m.sh(again), '', 'the second run transfers nothing')
  await flush(m)
  t.same(s.changes(), {})
  t.equal(await m.stop(), 0)
  const later = await mount({ work: m.work })
  proxy.reset()
  t.equal(await later.sh(again), '', 'nor does a run in another mount')
  await flush(later)
  t.same(s.changes(), {})
  t.equal(await later.sh('diff -r ../src tree'), '')
  await later.sh('seq 1001 >../src/one; rsync -a ../src/ tree/')
  await flush(later)
  t.equal(
    proxy.matching({ where: r => r.key === 'tree/one' && r.status < 400 && r.method === 'PUT' })
      .length,
    1,
  )
  t.same(
    s.changes(),
    { PutObject: 2 },
    'a changed file is one PUT over the old one, its folder another',
  )
  await later.sh('seq 1002 >../src/one; rsync -a --inplace --no-whole-file ../src/ tree/')
  await flush(later)
  t.same(s.changes(), { PutObject: 3 }, 'in place: one PUT')
  t.equal((await client.get('tree/one')).toString().split('\n').length, 1003)
  proxy.reset()
  await later.sh('rm ../src/d/e/3; rsync -a --delete --backup ../src/ tree/; touch ../src/one')
  await later.sh('rsync -a ../src/ tree/; ls tree; diff -r -x 3~ ../src tree')
  await flush(later)
  t.ok((await client.keys('tree/')).includes('tree/d/e/3~'))
  t.notOk((await client.keys('tree/')).some(key => /\/\.[^/]*\.\w{6}$/.test(key)))
})

await onServers('a look for each open, and one before a write', async (t, session) => {
  const { kind, mount, proxy } = session
  const m = await mount({ args: ['--write-back=1h'] })
  // The server's ways are learnt at the first writes.
  for (const line of ['one', 'two']) {
    await m.sh(`echo ${line} >>f; sleep 0.2; cat f`)
    await flush(m)
  }
  await m.sh('sleep 0.2')
  proxy.reset()
  await m.sh('echo three >>f')
  await flush(m)
  t.same(session.changes(), { PutObject: 1 })
  // Where the server does not compare, a look just before the write does.
  t.equal(proxy.count('HeadObject'), kind === 'swift' ? 2 : 1)
  t.equal(proxy.count('GetObject'), 0, 'what was read or written here is not asked for again')
  t.equal(await m.sh('cat f'), 'one\ntwo\nthree\n')
})

await onServers('an editor leaves nothing temporary', async (t, { mount, proxy, client, ...s }) => {
  const m = await mount({ args: ['--fsync=journal'] })
  await client.put('text', 'old\n')
  proxy.reset()
  const vim = 'HOME=/nonexistent $(command -v vim || command -v vim.tiny) -N -u NONE -i NONE -n -es'
  await m.sh(`${vim} -c '%s/old/new/' -c wq text`)
  await flush(m)
  t.equal((await client.get('text')).toString(), 'new\n')
  t.same(s.changes(), { PutObject: 1 }, 'vim')
  proxy.reset()
  await m.sh(
    `${vim} -c 'set backup backupcopy=no swapfile' -c '%s/new/newer/' -c wq text; rm -f text~`,
  )
  await flush(m)
  t.equal((await client.get('text')).toString(), 'newer\n')
  t.same(await client.keys(), ['text'])
  await m.sh(`sed -i s/newer/newest/ text`)
  await flush(m)
  t.equal((await client.get('text')).toString(), 'newest\n')
  t.same(await client.keys(), ['text'])
  const keys = proxy.matching({ where: ({ kind }) => CHANGES.includes(kind) }).map(r => r.key)
  t.same(new Set(keys), new Set(['text']), 'no other key was ever written')
})

await onServers('what is made and deleted at once sends nothing', async (t, { mount, ...s }) => {
  const m = await mount()
  s.proxy.reset()
  const files = 'for i in $(seq 1000); do echo $i >tmp$i; rm tmp$i; done; mkdir d; rmdir d'
  await m.sh(files, { timeout: 240_000 })
  await flush(m)
  t.same(s.changes(), {})
  t.same(await s.client.keys(), [])
})
