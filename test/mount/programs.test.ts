/** Programs that people have, in a mounted bucket, and what a second client finds there afterwards. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { flush, onServers } from '../support/session.ts'

t.setTimeout(300_000)

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')

await onServers('cp, mv, dd, truncate, find, du', async (t, { mount, client }) => {
  const m = await mount()
  await m.sh('mkdir ../src ../src/d; head -c 300000 /dev/urandom >../src/d/noise; seq 9 >../src/f')
  await m.sh(
    'chmod 750 ../src/d; chmod 600 ../src/f; touch -d 2001-02-03 ../src/f; ln -s d/noise ../src/l',
  )
  await m.sh('cp -a ../src copy; mv copy/f copy/g; cp -r copy again; mv ../src/f .; rm -r again/d')
  await m.sh('mv copy/l copy/d/; ln -sfn /nowhere copy/dangling')
  t.equal(await m.sh('stat -c "%a %Y" copy/g f'), '600 981158400\n600 981158400\n')
  t.equal(await m.sh('stat -c %a copy/d'), '750\n')
  t.equal(await m.sh('readlink copy/d/l copy/dangling'), 'd/noise\n/nowhere\n')
  const sum = (await m.sh('md5sum <../src/d/noise')).slice(0, 32)
  t.equal((await m.sh('md5sum <copy/d/noise')).slice(0, 32), sum)
  await m.sh('dd if=../src/d/noise of=dd bs=7k 2>/dev/null; cmp dd ../src/d/noise')
  await m.sh('dd if=/dev/zero of=dd bs=1000 seek=100 count=3 conv=notrunc 2>/dev/null')
  await m.sh(
    'cp ../src/d/noise ../dd; dd if=/dev/zero of=../dd bs=1000 seek=100 count=3 conv=notrunc 2>/dev/null',
  )
  await m.sh('truncate -s 250001 dd ../dd; truncate -s 400000 dd ../dd; cmp dd ../dd')
  t.equal(
    await m.sh('find . -type f | LC_ALL=C sort'),
    './again/g\n./copy/d/noise\n./copy/g\n./dd\n./f\n',
  )
  t.equal(await m.sh('find . -type l | wc -l; find . -size +390k -name dd'), '3\n./dd\n')
  t.equal(
    await m.sh('du -b dd; du -s --apparent-size -k copy/d/noise'),
    '400000\tdd\n293\tcopy/d/noise\n',
  )
  t.ok(Number((await m.sh('du -s -k .')).split('\t')[0]) >= 680, 'du counts blocks')
  await flush(m)
  t.same(await client.keys(), [
    'again/',
    'again/g',
    'again/l',
    'copy/',
    'copy/d/',
    'copy/d/l',
    'copy/d/noise',
    'copy/dangling',
    'copy/g',
    'dd',
    'f',
  ])
  t.equal(md5(await client.get('copy/d/noise')), sum)
  t.equal(md5(await client.get('dd')), (await m.sh('md5sum <../dd')).slice(0, 32))
  t.equal((await client.get('copy/dangling')).toString(), '/nowhere')
  t.equal(await m.stop(), 0)
  const later = await mount({ work: m.work })
  t.equal(
    (await later.sh('md5sum <dd')).slice(0, 32),
    (await m.sh('md5sum <../dd', { cwd: later.dir })).slice(0, 32),
  )
  t.equal(
    await later.sh('stat -c "%a %Y" copy/g f; readlink again/l'),
    '600 981158400\n600 981158400\nd/noise\n',
  )
})

await onServers('tar', async (t, { mount, client }) => {
  const m = await mount()
  await m.sh(
    'mkdir -p ../src/a/b; seq 10000 >../src/a/b/f; echo x >../src/g; ln -s a/b/f ../src/l; chmod 640 ../src/g',
  )
  await m.sh(
    'cp -a ../src .; tar cf all.tar src; tar xf all.tar -C .. --transform s/^src/out/; diff -r ../src ../out',
  )
  await m.sh('rm -r src; tar xf all.tar; diff -r ../src src; stat -c %a src/g')
  await m.sh('tar czf all.tgz -C .. src; tar tzf all.tgz | grep -c b/f')
  await flush(m)
  t.match(await client.head('all.tar'), { contentType: 'application/x-tar' })
  t.same(await client.keys('src/'), ['src/', 'src/a/', 'src/a/b/', 'src/a/b/f', 'src/g', 'src/l'])
})

await onServers(
  'git',
  async (t, { mount, client }) => {
    const m = await mount({ args: ['--fsync=journal'] })
    const git = 'git -c user.name=A -c user.email=a@example.org -c init.defaultBranch=main'
    const env = { GIT_CONFIG_NOSYSTEM: '1', HOME: '/nonexistent' }
    const sh = (command: string): Promise<string> => m.sh(command, { env, timeout: 180_000 })
    await sh(
      `mkdir ../repo; cd ../repo; ${git} init -q; seq 500 >f; ${git} add f; ${git} commit -qm one`,
    )
    await sh(
      `for i in 1 2 3; do echo $i >../repo/$i; ${git} -C ../repo add $i; ${git} -C ../repo commit -qm $i; done`,
    )
    await sh(`${git} clone -q ../repo here`)
    await sh(
      `cd here; echo more >>f; ${git} add f; ${git} commit -qm two; ${git} branch b; ${git} checkout -q b`,
    )
    t.equal(await sh(`cd here; ${git} status --porcelain; ${git} log --oneline | wc -l`), '5\n')
    await sh(
      `cd here; mkdir sub; echo s >sub/s; ${git} add sub; ${git} commit -qm three; ${git} checkout -q main`,
    )
    await sh(`cd here; ${git} merge -q b; ${git} gc -q; ${git} fsck --strict 2>&1`)
    await sh(`${git} init -q new; cd new; ${git} pull -q ../here main; cmp f ../here/f`)
    await sh(
      `${git} clone -q here ../back; cmp ../back/f here/f; ${git} -C ../back fsck --strict 2>&1`,
    )
    await flush(m)
    const keys = await client.keys('here/.git/')
    t.ok(keys.some(key => key.endsWith('.pack')))
    t.notOk(
      keys.some(key => /\.lock$|tmp_obj|tmp_pack/.test(key)),
      'nothing temporary',
    )
    t.equal(await m.stop(), 0)
    const later = await mount({ work: m.work })
    t.equal(
      await later.sh(`cd here; ${git} fsck --strict 2>&1; ${git} status --porcelain`, { env }),
      '',
    )
  },
  ['rgw'],
)

await onServers(
  'git over Swift',
  async (t, { mount }) => {
    const m = await mount({ args: ['--fsync=journal'] })
    const git = 'git -c user.name=A -c user.email=a@example.org -c init.defaultBranch=main'
    const env = { GIT_CONFIG_NOSYSTEM: '1', HOME: '/nonexistent' }
    await m.sh(`${git} init -q r; cd r; seq 500 >f; ${git} add f; ${git} commit -qm one`, { env })
    await m.sh(`${git} clone -q r c; cmp r/f c/f; ${git} -C c fsck --strict 2>&1`, { env })
    t.equal(await m.stop(), 0)
    const later = await mount({ work: m.work })
    t.equal(
      await later.sh(`${git} -C c fsck --strict 2>&1; ${git} -C r status --porcelain`, { env }),
      '',
    )
  },
  ['swift'],
)

for (const mode of ['delete', 'wal']) {
  await onServers(`sqlite3, journal_mode=${mode}`, async (t, { mount, client }) => {
    const m = await mount({ args: ['--fsync=journal'] })
    const begin = `PRAGMA journal_mode=${mode}; CREATE TABLE a(x INTEGER PRIMARY KEY, y TEXT);`
    t.match(await m.sh(`sqlite3 db '${begin}'`), mode)
    await m.sh(`for i in 1 2 3; do sqlite3 db "INSERT INTO a(y) VALUES('$i')"; done`)
    const many = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)'
    await m.sh(
      `sqlite3 db "BEGIN; ${many} INSERT INTO a(y) SELECT hex(randomblob(50)) FROM n; COMMIT"`,
    )
    await m.sh(`sqlite3 db "BEGIN; DELETE FROM a; ROLLBACK; UPDATE a SET y='z' WHERE x=77; VACUUM"`)
    t.equal(await m.sh(`sqlite3 db 'SELECT count(*) FROM a; PRAGMA integrity_check'`), '5003\nok\n')
    // Two programs at a time: locks of the kernel.
    const loop = (y: string): string =>
      `for i in $(seq 10); do sqlite3 -cmd '.timeout 60000' db "INSERT INTO a(y) VALUES('${y}')"; done`
    await m.sh(`(${loop('p')}) & p=$!; (${loop('q')}) & q=$!; wait $p; wait $q`, {
      timeout: 120_000,
    })
    t.equal(await m.sh(`sqlite3 db 'SELECT count(*) FROM a; PRAGMA integrity_check'`), '5023\nok\n')
    await flush(m)
    t.same(await client.keys(), ['db'], 'neither journal nor wal')
    await m.sh('cat >../copy.db', { input: await client.get('db') })
    t.equal(
      await m.sh(`sqlite3 ../copy.db 'PRAGMA integrity_check; SELECT count(*) FROM a'`),
      'ok\n5023\n',
    )
  })
}
