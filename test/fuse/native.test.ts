/** What holds for fuse-native: the rules of every link, and those of its own. */
import { readFile, rename, chmod, open, readdir, writeFile } from 'node:fs/promises'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { noFuse, noOrdinaryUser, sh, temporary } from '../support/mounted.ts'
import { code, runRules, setUpWith } from './rule.ts'
import './rules.ts'

const skip = noFuse()
const options = { skip }
const setUp = setUpWith('native')

runRules('native')

t.test('rule 2: only options that libfuse knows, and what they bring about', options, async t => {
  const { folder } = await setUp(t, {
    source: 's3://odd,name\\here',
    readOnly: true,
    flags: ['noexec'],
  })
  const { out } = await sh(`grep ' ${folder} ' /proc/self/mountinfo`, '/')
  t.match(out, ' ro,')
  t.match(out, 'noexec')
  t.match(out, 'fuse.pailfs s3://odd,name\\134here')
  t.match(out, 'default_permissions')
  t.equal(await code(writeFile(join(folder, 'x'), '')), 'EROFS')
})

t.test('rule 4: mtime is not atime', options, async t => {
  const { folder } = await setUp(t)
  const { code: result, out } = await sh(
    `echo x > a; touch -d '2001-02-03 04:05:06.789 UTC' ref; touch -r ref a
     python3 -c "import os; os.utime('a', ns=(1_000_000_000_000_000_000, 1_500_000_000_123_000_000))"
     TZ=UTC stat -c '%X %.3Y' a; TZ=UTC stat -c '%y' ref; cp -p ref b; TZ=UTC stat -c '%y' b
     touch a; [ $(( $(date +%s) - $(stat -c %Y a) )) -lt 5 ] && echo now
     python3 -c "import os; os.utime('a', (-5, -7))"; stat -c '%X %Y' a`,
    folder,
  )
  t.equal(result, 0)
  t.equal(
    out,
    '1000000000 1500000000.123\n2001-02-03 04:05:06.789000000 +0000\n2001-02-03 04:05:06.789000000 +0000\nnow\n0 0\n',
  )
})

t.test('rule 13: renaming over an open file', options, async t => {
  const { folder, mount } = await setUp(t)
  await writeFile(join(folder, 'a'), 'new')
  await writeFile(join(folder, 'b'), 'old')
  const file = await open(join(folder, 'b'))
  await mount.calls()
  await rename(join(folder, 'a'), join(folder, 'b'))
  t.same(
    (await mount.calls()).filter(call => /rename|unlink/.test(call)),
    ['unlink b', 'rename a b'],
  )
  t.equal(await file.readFile('utf8'), 'old')
  t.equal(await readFile(join(folder, 'b'), 'utf8'), 'new')
  await file.close()
  t.same(await readdir(folder), ['b'])
})

t.test('an ordinary user', { skip: skip || noOrdinaryUser() }, async t => {
  const mode = statSync('/dev/fuse').mode & 0o777
  await chmod('/dev/fuse', 0o666)
  t.teardown(() => chmod('/dev/fuse', mode))
  const folder = temporary(t)
  await sh(`chmod 755 ${folder}; mkdir m; chown nobody . m`, folder)
  const script = new URL('../support/memory-mount.js', import.meta.url).pathname
  const result = await sh(
    // Without tap's loader, which writes into the project.
    `NODE_OPTIONS= setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c '
       (sleep 2; echo unmount; sleep 1) | ${process.execPath} ${script} ${folder}/m > out 2>&1 &
       for n in $(seq 50); do mountpoint -q m && break; sleep 0.1; done
       stat -f -c %T m; echo hi > m/f; cat m/f; stat -c %U m/f; wait; tail -1 out'; ls m/f 2>&1 | grep -o 'No such'`,
    folder,
  )
  t.match(result, { out: 'fuseblk\nhi\nnobody\nunmounted\nNo such\n' })
})
