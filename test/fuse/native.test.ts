/** The fifteen rules of speaking to the kernel through fuse-native, each on a real mount. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import {
  chmod,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Mounted, isMounted, mounted, noFuse, sh, temporary } from '../support/mounted.ts'

const skip = noFuse()
const options = { skip }

async function setUp(t: Parameters<typeof mounted>[0], linkOptions = {}) {
  const folder = join(temporary(t), 'm')
  await mkdir(folder)
  return { folder, mount: await mounted(t, folder, linkOptions) }
}

/** The code that a program sees. */
async function code(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  )
}

const refused = (errno: string) => ({ code: errno }) as unknown as Error

t.test('rule 1: whatever a handler does, the program gets an errno', options, async t => {
  const { folder, mount } = await setUp(t, { deadlines: { durable: 2000, other: 2000 } })
  const faults = [
    'throws',
    'rejects',
    'rejects-undefined',
    'rejects-string',
    'strange-errno',
    'resolves-undefined',
    'returns-undefined',
  ]
  for (const fault of faults)
    t.equal(await code(stat(join(folder, `fault-${fault}`))), 'EIO', fault)
  t.equal(await code(stat(join(folder, 'fault-denied'))), 'EACCES')
  t.equal(await code(stat(join(folder, 'fault-never'))), 'ETIMEDOUT', 'the deadline')
  t.equal(await code(stat(join(folder, 'missing'))), 'ENOENT')
  t.match(mount.log, /operation=getattr path=\/fault-denied errno=EACCES .*AccessDenied.*REQ1/)
  t.notMatch(mount.log, /missing/)
  t.ok((await stat(folder)).isDirectory(), 'later requests get their own answers')
})

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

t.test('rule 3: a failed mount leaves nothing behind', options, async t => {
  const folder = join(temporary(t), 'm')
  await mkdir(folder)
  const bad = new Mounted(folder, { flags: ['no_such_option' as 'noexec'] })
  t.match(await bad.line(), /^failed: the kernel refused the mount/)
  t.equal(await bad.exit, 1)
  t.notOk(isMounted(folder))
  const missing = new Mounted(join(folder, 'missing'))
  t.match(await missing.line(), /^failed: /)
  const first = await mounted(t, folder)
  const second = new Mounted(folder)
  t.match(await second.line(), /failed: the mount point is a mount already/)
  t.ok(isMounted(folder), 'somebody else’s mount is left alone')
  t.equal(await first.ask('calls'), '[]')
})

t.test('rule 4: extended attributes', options, async t => {
  const { folder } = await setUp(t)
  await writeFile(join(folder, 'f'), 'x')
  const script = `
import os
f = 'f'
big = b'v' * 60000
os.setxattr(f, 'user.big', big)
assert os.getxattr(f, 'user.big') == big
os.setxattr(f, 'user.empty', b'')
assert os.getxattr(f, 'user.empty') == b''
os.setxattr(f, 'user.new', b'1', os.XATTR_CREATE)
for flags, value in ((os.XATTR_CREATE, b'2'),):
    try: os.setxattr(f, 'user.new', value, flags); assert False
    except FileExistsError: pass
try: os.setxattr(f, 'user.none', b'', os.XATTR_REPLACE); assert False
except OSError as e: assert e.errno == 61, e
try: os.getxattr(f, 'user.none'); assert False
except OSError as e: assert e.errno == 61, e
try: os.setxattr(f, 'security.x', b''); assert False
except OSError as e: assert e.errno == 95, e
for n in range(40): os.setxattr(f, 'user.name-%030d' % n, b'x')
assert len(os.listxattr(f)) == 43, os.listxattr(f)
os.removexattr(f, 'user.new')
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
small = ctypes.create_string_buffer(100)
assert libc.getxattr(b'f', b'user.big', small, 100) == -1 and ctypes.get_errno() == 34
assert libc.listxattr(b'f', small, 100) == -1 and ctypes.get_errno() == 34
assert libc.getxattr(b'f', b'user.big', None, 0) == 60000
print('fine')
`
  await writeFile(join(folder, '..', 'x.py'), script)
  t.match(await sh('python3 ../x.py', folder), { code: 0, out: 'fine\n' })
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

t.test('rule 4: a busy mount is not unmounted, and its path is no shell text', options, async t => {
  const folder = join(temporary(t), 'm"; touch injected; echo "$(touch injected2)')
  await mkdir(folder)
  const mount = await mounted(t, folder)
  const file = await open(join(folder, 'f'), 'w')
  t.equal(await mount.ask('unmount'), 'EBUSY')
  await file.writeFile('still here')
  await file.close()
  t.equal(await readFile(join(folder, 'f'), 'utf8'), 'still here')
  t.equal(await mount.ask('unmount'), 'gone')
  t.equal(await mount.line(), 'unmounted')
  t.equal(await mount.exit, 0, 'the process can end')
  t.same(await readdir(folder), [])
})

t.test('rule 5: flush and fsync take data over, also without a release', options, async t => {
  const { folder, mount } = await setUp(t)
  await sh('exec 5>f; exec 6>&5; exec 6>&-; echo x >&5; exec 5>&-', folder)
  t.ok(
    (await mount.calls()).filter(call => call === 'flush').length >= 2,
    'one for each descriptor',
  )
  t.equal(await readFile(join(folder, 'f'), 'utf8'), 'x\n')
  await mount.calls()
  const file = await open(join(folder, 'f'), 'r+')
  await file.sync()
  await file.datasync()
  t.match(await mount.calls(), ['open', 'fsync', 'fdatasync'])
  await file.close()
  await sh(`python3 -c "import os; d = os.open('.', os.O_RDONLY); os.fsync(d)"`, folder)
  t.match((await mount.calls()).join(), 'fsyncdir')
})

t.test(
  'rule 6: no child inherits /dev/fuse for long, other mounts are not touched',
  options,
  async t => {
    const { mount } = await setUp(t)
    const children = readdirSync('/proc')
      .filter(pid => /^\d+$/.test(pid))
      .filter(pid => {
        try {
          return (
            /^\d+ \(.*\) \S (\d+)/.exec(
              String(spawnSync('cat', [`/proc/${pid}/stat`]).stdout),
            )?.[1] === String(mount.process.pid)
          )
        } catch {
          return false
        }
      })
    t.same(children, [])
  },
)

t.test('rule 7: data, at any offset and size', options, async t => {
  const { folder } = await setUp(t)
  const result = await sh(
    `head -c 5000000 /dev/urandom > ../ref; cp ../ref a; cmp ../ref a
     dd if=../ref of=b bs=1M iflag=fullblock oflag=direct conv=notrunc status=none 2>/dev/null || cat ../ref > b; cmp ../ref b
     dd if=../ref of=c bs=777 status=none; cmp ../ref c
     truncate -s 100000 a; truncate -s 5000000 a; cmp -n 100000 ../ref a; tail -c +100001 a | tr -d '\\0' | wc -c
     printf x | dd of=a bs=1 seek=3000000000 conv=notrunc status=none; stat -c %s a; tail -c 1 a
     rm a b c`,
    folder,
  )
  t.match(result, { code: 0, out: '0\n3000000001\nx', err: '' })
})

t.test('rule 7: appending, truncating at open, mmap', options, async t => {
  const { folder, mount } = await setUp(t)
  const result = await sh(
    `echo one > log; echo two >> log; (echo three >> log) & wait; cat log
     echo longer than before > log; echo x > log; cat log
     python3 -c "
import mmap
with open('map', 'w+b') as f:
    f.truncate(300000)
    m = mmap.mmap(f.fileno(), 0)
    m[299990:300000] = b'0123456789'
    m.flush()
print(open('map', 'rb').read()[-10:])"`,
    folder,
  )
  t.match(result, { code: 0, out: `one\ntwo\nthree\nx\nb'0123456789'\n`, err: '' })
  t.match((await mount.calls()).filter(call => call.startsWith('open')).slice(0, 1), [
    'open append',
  ])
})

t.test('rule 8 and 9: many programs at a time', options, async t => {
  const { folder } = await setUp(t)
  const result = await sh(
    `for n in $(seq 16); do ( mkdir d$n; for k in $(seq 20); do echo $n-$k > d$n/$k; done; cat d$n/* | wc -l > c$n ) & done; wait; cat c* | sort -u; ls | wc -l`,
    folder,
  )
  t.match(result, { code: 0, out: '20\n32\n', err: '' })
})

t.test('rule 10: names', options, async t => {
  const { folder } = await setUp(t)
  t.equal(await code(writeFile(join(folder, 'x'.repeat(256)), '')), 'ENAMETOOLONG')
  t.equal(await code(stat(join(folder, 'x'.repeat(300)))), 'ENAMETOOLONG')
  await writeFile(join(folder, 'ü'.repeat(127)), '')
  await writeFile(join(folder, 'new\nline \u{1F600}'), '')
  const bad = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x62, 0xff, 0xfe])])
  t.equal(await code(writeFile(bad, '')), 'EILSEQ')
  t.equal(await code(mkdir(bad)), 'EILSEQ')
  t.equal(await code(rename(join(folder, 'new\nline \u{1F600}'), bad)), 'EILSEQ')
  t.same((await readdir(folder)).sort(), ['new\nline \u{1F600}', 'ü'.repeat(127)])
  t.match(await sh('ls -a1 | head -2; find . -type f | wc -l', folder), { out: '.\n..\n3\n' })
})

t.test('rule 11: stat, df, du', options, async t => {
  const { folder } = await setUp(t)
  await writeFile(join(folder, 'f'), Buffer.alloc(100_001))
  const info = await stat(join(folder, 'f'))
  t.equal(info.blocks, 196)
  t.equal(info.uid, process.getuid?.())
  await chmod(join(folder, 'f'), 0o604)
  t.equal((await stat(join(folder, 'f'))).mode, 0o100604)
  const { out } = await sh(
    'df --output=size,avail -B1G . | tail -1; du -k f; ls -i f; stat -c %i f',
    folder,
  )
  t.match(out, /^\s*1048576\s+524288\n98\tf\n(\d+) f\n\1\n$/)
})

t.test('rule 12: the kernel checks permissions, security.* costs nothing', options, async t => {
  const { folder, mount } = await setUp(t)
  const file = await open(join(folder, 'f'), 'w')
  await file.write('a')
  await file.write('b')
  await file.close()
  t.notMatch((await mount.calls()).join(), 'getxattr', 'no question before writes')
  await sh('getfattr -n security.capability f; getfattr -n system.posix_acl_access f', folder)
  t.notMatch((await mount.calls()).join(), 'getxattr')
})

t.test('rule 12: extended attributes can be left out', options, async t => {
  const { folder } = await setUp(t, { xattr: false })
  await writeFile(join(folder, 'f'), '')
  t.match(await sh('setfattr -n user.a -v 1 f', folder), { err: /not supported/ })
})

t.test('rule 13: a removed open file lives on, unseen', options, async t => {
  const { folder, mount } = await setUp(t)
  const path = join(folder, 'f')
  await writeFile(path, 'content')
  const file = await open(path, 'r+')
  await mount.calls()
  await unlink(path)
  t.same(await readdir(folder), [], 'no .fuse_hidden file')
  t.same(
    (await mount.calls()).filter(call => /rename|unlink/.test(call)),
    ['unlink f'],
    'nor a rename below',
  )
  t.equal(await code(stat(path)), 'ENOENT')
  await writeFile(path, 'another')
  t.equal(await file.readFile('utf8'), 'content')
  await file.write('CON', 0)
  await file.truncate(5)
  t.match(await file.stat(), { size: 5, nlink: 0 })
  await file.chmod(0o600)
  t.equal((await file.stat()).mode, 0o100600)
  await file.close()
  t.equal(await readFile(path, 'utf8'), 'another')
  t.same(await readdir(folder), ['f'])
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(await mount.ask('handles'), '0')
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

t.test('rule 14: an unmount from outside is noticed', options, async t => {
  const { folder, mount } = await setUp(t)
  await writeFile(join(folder, 'f'), '')
  t.equal(spawnSync('fusermount3', ['-u', folder]).status, 0)
  t.equal(await mount.line(), 'gone')
  t.equal(await mount.exit, 0)
})

t.test('link, mknod and others', options, async t => {
  const { folder } = await setUp(t)
  const result = await sh(
    `echo x > f; ln f g 2>&1 | grep -o 'not permitted'; mkfifo p 2>&1 | grep -o 'not permitted'
     ln -s f l; readlink l; cat l; mv -n f h; mv -n h l 2>&1; ls; mkdir d; rmdir d; rmdir nothing 2>&1 | grep -o 'No such'
     python3 -c "import os, stat; os.mknod('node', 0o640 | stat.S_IFREG)"; stat -c '%A %s' node
     mkdir -p a/b; mv a c; ls c; rm -r c; chown 12:34 node 2>/dev/null; stat -c %u:%g node`,
    folder,
  )
  const owner = process.getuid?.() === 0 ? '12:34' : `${process.getuid?.()}:${process.getgid?.()}`
  t.match(result, {
    err: '',
    out: `not permitted\nnot permitted\nf\nx\nh\nl\nNo such\n-rw-r----- 0\nb\n${owner}\n`,
  })
})

t.test('a directory is seen whole, also when large', options, async t => {
  const { folder } = await setUp(t)
  await sh('mkdir big; cd big; seq 3000 | xargs touch', folder)
  t.equal((await readdir(join(folder, 'big'))).length, 3000)
  t.match(await sh('rm -r big; ls | wc -l', folder), { out: '0\n' })
})

t.test('an open descriptor survives renames and truncation by name', options, async t => {
  const { folder } = await setUp(t)
  const descriptor = openSync(join(folder, 'a'), 'w+')
  t.teardown(() => closeSync(descriptor))
  await mkdir(join(folder, 'd'))
  await rename(join(folder, 'a'), join(folder, 'd', 'b'))
  await writeFile(join(folder, 'd', 'b'), 'hello')
  await truncate(join(folder, 'd', 'b'), 2)
  t.equal(statSync(`/proc/self/fd/${descriptor}`).size, 2)
  t.equal(readlinkSync(`/proc/self/fd/${descriptor}`), join(folder, 'd', 'b'))
  await rm(join(folder, 'd'), { recursive: true })
  t.notOk(existsSync(join(folder, 'd')))
})

t.test(
  'an ordinary user',
  { skip: skip || (process.getuid?.() === 0 ? false : 'needs root to become one') },
  async t => {
    const mode = statSync('/dev/fuse').mode & 0o777
    await chmod('/dev/fuse', 0o666)
    t.teardown(() => chmod('/dev/fuse', mode))
    const folder = temporary(t)
    await sh(`chmod 755 ${folder}; mkdir m; chown nobody . m`, folder)
    const script = new URL('../support/memory-mount.js', import.meta.url).pathname
    const result = await sh(
      `setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c '
       (sleep 2; echo unmount; sleep 1) | ${process.execPath} ${script} ${folder}/m > out 2>&1 &
       for n in $(seq 50); do mountpoint -q m && break; sleep 0.1; done
       stat -f -c %T m; echo hi > m/f; cat m/f; stat -c %U m/f; wait; tail -1 out'; ls m/f 2>&1 | grep -o 'No such'`,
      folder,
    )
    t.match(result, { out: 'fuseblk\nhi\nnobody\nunmounted\nNo such\n' })
  },
)

t.test('refusals', options, async t => {
  const { folder } = await setUp(t)
  await mkdir(join(folder, 'd'))
  await writeFile(join(folder, 'd', 'f'), '')
  await t.rejects(unlink(join(folder, 'd')), /EISDIR|EPERM/)
  await t.rejects(rm(join(folder, 'd')), Error)
  await t.rejects(rename(join(folder, 'd'), join(folder, 'd', 'x')), refused('EINVAL'))
  await t.rejects(stat(join(folder, 'd', 'f', 'g')), refused('ENOTDIR'))
})
