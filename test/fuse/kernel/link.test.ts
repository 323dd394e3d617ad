/** What only the link that speaks the protocol itself can do. */
import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { chmod, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { noOrdinaryUser, sh } from '../../support/mounted.ts'
import { code, setUpWith } from '../rule.ts'
import { noDirect } from './support.ts'

const options = { skip: noDirect() }
const setUp = setUpWith('direct')
const wait = (time: number) => new Promise(resolve => setTimeout(resolve, time))

t.test('times: to the nanosecond, one without the other, before 1970', options, async t => {
  const { folder, mount } = await setUp(t)
  const result = await sh(
    `set -e; echo x > f; touch -d @1.123456789 f; touch -m -d @5.000000001 f; stat -c '%.9X %.9Y' f
     touch -a -d @-7.25 f; stat -c '%.9X %.9Y' f; mkdir out; tar cf t.tar f; tar xf t.tar -C out; stat -c %Y out/f
     touch -a f; stat -c %.9Y f; python3 -c "import os; os.utime('f', (-5, -7))"; stat -c '%X %Y' f`,
    folder,
  )
  t.match(result, {
    code: 0,
    out: '1.123456789 5.000000001\n-7.250000000 5.000000001\n5\n5.000000001\n-5 -7\n',
  })
  const changes = (await mount.calls()).filter(call => call.startsWith('setattr'))
  t.same(changes.slice(0, 3), ['setattr atime,mtime', 'setattr mtime', 'setattr atime'])
})

t.test('what a user makes is the user’s', options, async t => {
  const { folder } = await setUp(t, { allowOther: true })
  await sh(`chmod 755 "$(dirname ${folder})"`, '/')
  await chmod(folder, 0o777)
  const script = `touch f; mkdir d; ln -s f l; python3 -c "import os; os.mknod('n', 0o100600)"; stat -c '%U %G' f d l n`
  const asNobody = `setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c`
  const made = await sh(`${asNobody} '${script.replaceAll(`'`, `'\\''`)}'`, folder)
  t.match(made, { code: 0, out: 'nobody nogroup\n'.repeat(4) })
  const refused = await sh(`chmod 700 d; echo x > mine; ${asNobody} 'echo y > mine'`, folder)
  t.match(refused, { err: /Permission denied/ })
  const setgid = await sh(
    `mkdir g; chown 0:tty g; chmod 2777 g; ${asNobody} 'touch g/f; mkdir g/d'; stat -c '%U %G %a' g/f g/d`,
    folder,
  )
  t.match(setgid.out, /^nobody tty 6\d\d\nnobody tty 27\d\d\n$/)
})

t.test('setuid goes when others write, truncate or get the file', options, async t => {
  const { folder } = await setUp(t, { allowOther: true })
  await sh(`chmod 755 "$(dirname ${folder})"`, '/')
  const asNobody = `setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c`
  const result = await sh(
    `for n in 1 2 3 4; do echo x > f$n; chmod 6777 f$n; done
     ${asNobody} 'echo y >> f1; truncate -s 0 f2; : > f3'; chown 5 f4; echo y >> f3
     stat -c %a f1 f2 f3 f4; echo z > f5; chmod 4755 f5; echo z >> f5; stat -c %a f5`,
    folder,
  )
  t.match(result, { code: 0, out: '777\n777\n777\n777\n4755\n' })
})

t.test('O_EXCL, RENAME_NOREPLACE, RENAME_EXCHANGE', options, async t => {
  const { folder } = await setUp(t)
  await writeFile(join(folder, 'a'), 'a')
  t.equal(await code(open(join(folder, 'a'), 'wx')), 'EEXIST')
  await (await open(join(folder, 'c'), 'wx')).close()
  const rename2 = (from: string, to: string, flags: number) =>
    sh(
      `python3 -c "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.renameat2(-100, b'${from}', -100, b'${to}', ${flags}), ctypes.get_errno())"`,
      folder,
    )
  t.match(await rename2('a', 'c', 1), { out: '-1 17\n' })
  t.match(await rename2('a', 'b', 1), { out: '0 0\n' })
  t.match(await rename2('b', 'c', 2), { out: '-1 22\n' })
  t.equal(await readFile(join(folder, 'b'), 'utf8'), 'a')
})

t.test('renaming over an open file is one step', options, async t => {
  const { folder, mount } = await setUp(t)
  await writeFile(join(folder, 'a'), 'new')
  await writeFile(join(folder, 'b'), 'old')
  const file = await open(join(folder, 'b'))
  await mount.calls()
  await rename(join(folder, 'a'), join(folder, 'b'))
  t.same((await mount.calls()).filter(call => /^(rename|unlink)/.test(call)).at(-1), 'rename a b')
  t.equal(await file.readFile('utf8'), 'old')
  t.equal(await readFile(join(folder, 'b'), 'utf8'), 'new')
  await file.close()
})

t.test('10,000 names, and from the start again', options, async t => {
  const { folder } = await setUp(t)
  const result = await sh(
    `mkdir d; cd d; python3 -c "
for n in range(10000): open('name-%d-%s' % (n, 'x' * (n % 200)), 'w').close()"
     cd ..; ls d | wc -l; perl -e '
       opendir(my $d, "d"); my @a = readdir $d; rewinddir $d; unlink "d/name-0-"; rewinddir $d; my @b = readdir $d;
       my $at; rewinddir $d; readdir $d for 1..5; $at = telldir $d; my $six = readdir $d; readdir $d for 1..100;
       seekdir $d, $at; print scalar @a, " ", scalar @b, " ", ($six eq readdir $d ? "same" : "other"), "\\n"'`,
    folder,
  )
  t.match(result, { code: 0, out: '10000\n10002 10001 same\n' })
})

t.test('pages stay over an open until the file changes', options, async t => {
  const { folder } = await setUp(t)
  const result = await sh(
    `set -e; head -c 2000000 /dev/urandom > ../r; cp ../r f; cmp f ../r; cmp f ../r
     printf changed | dd of=f conv=notrunc status=none; printf changed | dd of=../r conv=notrunc status=none
     cmp f ../r; truncate -s 100 f; truncate -s 100 ../r; cmp f ../r; cat ../r >> f; cat ../r >> ../r2; tail -c 100 f | cmp - ../r
     python3 -c "
import mmap
with open('f', 'r+b') as f:
    m = mmap.mmap(f.fileno(), 0); m[0:4] = b'mmap'; m.flush(); m.close()
print(open('f', 'rb').read(4))"`,
    folder,
  )
  t.match(result, { code: 0, out: `b'mmap'\n`, err: '' })
})

t.test('large requests, side by side', options, async t => {
  const { folder } = await setUp(t)
  const result = await sh(
    `head -c 8388608 /dev/urandom > ../r
     for n in 1 2 3 4 5 6; do dd if=../r of=f$n bs=1M oflag=direct status=none & done; wait
     for n in 1 2 3 4 5 6; do (dd if=f$n bs=1M iflag=direct status=none | cmp - ../r) & done; wait
     for n in $(seq 40); do (cp ../r g$n; cmp g$n ../r; rm g$n; stat . > /dev/null) & done; wait; ls`,
    folder,
  )
  t.match(result, { code: 0, out: 'f1\nf2\nf3\nf4\nf5\nf6\n', err: '' })
})

t.test('a caller that is ended is let go, other signals change nothing', options, async t => {
  const { folder } = await setUp(t)
  const child = spawn('cat', [join(folder, 'fault-never')], { stdio: 'ignore' })
  const ended = new Promise(resolve => child.on('exit', (_code, signal) => resolve(signal)))
  await wait(300)
  child.kill('SIGWINCH')
  await wait(300)
  t.equal(child.exitCode, null)
  child.kill('SIGTERM')
  t.equal(await ended, 'SIGTERM')
  t.ok(statSync(folder).isDirectory())
})

t.test('fallocate makes files larger and nothing else', options, async t => {
  const { folder, mount } = await setUp(t)
  const script = `
import errno, os
f = open('f', 'w+'); f.write('start'); f.flush()
os.posix_fallocate(f.fileno(), 2, 1 << 20)
os.posix_fallocate(f.fileno(), 0, 3)
print(os.fstat(f.fileno()).st_size, os.pread(f.fileno(), 7, 0))
`
  t.match(await sh(`python3 -c "${script}"; fallocate -p -l 4096 f`, folder), {
    out: `1048578 b'start\\x00\\x00'\n`,
    err: /unsupported/,
  })
  const calls = await mount.calls()
  t.same(
    calls.filter(call => call.startsWith('setattr')),
    ['setattr size'],
  )
})

t.test('an ordinary user is told', { skip: noDirect() || noOrdinaryUser() }, async t => {
  const { folder } = await setUp(t)
  await mkdir(join(folder, 'd'))
  const script = new URL('../../support/memory-mount.js', import.meta.url).pathname
  const result = await sh(
    `setpriv --reuid=nobody --regid=nogroup --clear-groups ${process.execPath} ${script} /tmp {} direct`,
    '/',
  )
  t.match(result, { code: 1, out: /^failed: only root/ })
})
