/**
 * What holds for every kernel link, on a real mount: the fifteen rules of speaking to the kernel, as far as
 * they are not about fuse-native alone.
 */
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
import { Mounted, isMounted, mounted, sh, temporary } from '../support/mounted.ts'
import { code, refused, rule } from './rule.ts'

rule('rule 1: whatever a handler does, the program gets an errno', async ({ t, setUp }) => {
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
  t.match(
    mount.log,
    /operation=(getattr|lookup) path=\/fault-denied errno=EACCES .*AccessDenied.*REQ1/,
  )
  t.notMatch(mount.log, /missing/)
  t.ok((await stat(folder)).isDirectory(), 'later requests get their own answers')
})

rule('rule 3: a failed mount leaves nothing behind', async ({ t, link }) => {
  const folder = join(temporary(t), 'm')
  await mkdir(folder)
  const bad = new Mounted(folder, { link, flags: ['no_such_option' as 'noexec'] })
  t.match(await bad.line(), /^failed: the kernel refused the mount/)
  t.equal(await bad.exit, 1)
  t.notOk(isMounted(folder))
  const missing = new Mounted(join(folder, 'missing'), { link })
  t.match(await missing.line(), /^failed: /)
  const first = await mounted(t, folder, { link })
  const second = new Mounted(folder, { link })
  t.match(await second.line(), /failed: the mount point is a mount already/)
  t.ok(isMounted(folder), 'somebody else’s mount is left alone')
  t.equal(await first.ask('calls'), '[]')
})

rule('rule 4: extended attributes', async ({ t, setUp }) => {
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

rule(
  'rule 4: a busy mount is not unmounted, and its path is no shell text',
  async ({ t, link }) => {
    const folder = join(temporary(t), 'm"; touch injected; echo "$(touch injected2)')
    await mkdir(folder)
    const mount = await mounted(t, folder, { link })
    const file = await open(join(folder, 'f'), 'w')
    t.equal(await mount.ask('unmount'), 'EBUSY')
    await file.writeFile('still here')
    await file.close()
    t.equal(await readFile(join(folder, 'f'), 'utf8'), 'still here')
    t.equal(await mount.ask('unmount'), 'gone')
    t.equal(await mount.line(), 'unmounted')
    t.equal(await mount.exit, 0, 'the process can end')
    t.same(await readdir(folder), [])
  },
)

rule('rule 5: flush and fsync take data over, also without a release', async ({ t, setUp }) => {
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
  // A release comes when the kernel likes.
  const calls = (await mount.calls()).filter(call => call !== 'release')
  t.same(calls, ['open', 'fsync', 'fdatasync'])
  await file.close()
  await sh(`python3 -c "import os; d = os.open('.', os.O_RDONLY); os.fsync(d)"`, folder)
  t.match((await mount.calls()).join(), 'fsyncdir')
})

rule(
  'rule 6: no child inherits /dev/fuse for long, other mounts are not touched',
  async ({ t, setUp }) => {
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

rule('rule 7: data, at any offset and size', async ({ t, setUp }) => {
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

rule('rule 7: appending, truncating at open, mmap', async ({ t, setUp }) => {
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

rule('rule 8 and 9: many programs at a time', async ({ t, setUp }) => {
  const { folder } = await setUp(t)
  const result = await sh(
    `for n in $(seq 16); do ( mkdir d$n; for k in $(seq 20); do echo $n-$k > d$n/$k; done; cat d$n/* | wc -l > c$n ) & done; wait; cat c* | sort -u; ls | wc -l`,
    folder,
  )
  t.match(result, { code: 0, out: '20\n32\n', err: '' })
})

rule('rule 10: names', async ({ t, setUp }) => {
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

rule('rule 11: stat, df, du', async ({ t, setUp }) => {
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

rule('rule 12: the kernel checks permissions, security.* costs nothing', async ({ t, setUp }) => {
  const { folder, mount } = await setUp(t)
  const file = await open(join(folder, 'f'), 'w')
  await file.write('a')
  await file.write('b')
  await file.close()
  t.notMatch((await mount.calls()).join(), 'getxattr', 'no question before writes')
  await sh('getfattr -n security.capability f; getfattr -n system.posix_acl_access f', folder)
  t.notMatch((await mount.calls()).join(), 'getxattr')
})

rule('rule 12: extended attributes can be left out', async ({ t, setUp }) => {
  const { folder } = await setUp(t, { xattr: false })
  await writeFile(join(folder, 'f'), '')
  t.match(await sh('setfattr -n user.a -v 1 f', folder), { err: /not supported/ })
})

rule('rule 13: a removed open file lives on, unseen', async ({ t, setUp }) => {
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

rule('rule 14: an unmount from outside is noticed', async ({ t, setUp }) => {
  const { folder, mount } = await setUp(t)
  await writeFile(join(folder, 'f'), '')
  t.equal(spawnSync('fusermount3', ['-u', folder]).status, 0)
  t.equal(await mount.line(), 'gone')
  t.equal(await mount.exit, 0)
})

rule('FIFOs, sockets and devices', async ({ t, setUp }) => {
  const { folder } = await setUp(t)
  // The kernel lets root only make devices.
  const root = process.getuid?.() === 0
  const result = await sh(
    `mkfifo -m 640 p; (echo through > p &); cat p
     python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('s')"
     stat -c '%n %F %s' p s; ls -p; find . -type p; chmod 600 p; mv p q; stat -c '%F %a' q
     [ ${root} = false ] || { mknod -m 660 c c 4 300; mknod b b 8 1; chown 0:0 c; }
     [ ${root} = false ] || { stat -c '%F %a %t %T' c b; cat c 2>&1 | grep -o denied; rm c b; }
     rm q s; ls`,
    folder,
  )
  const devices = 'character special file 660 4 12c\nblock special file 644 8 1\ndenied\n'
  t.match(result, {
    err: '',
    out: `through\np fifo 0\ns socket 0\np\ns\n./p\nfifo 600\n${root ? devices : ''}`,
  })
})

rule('link, mknod and others', async ({ t, setUp }) => {
  const { folder } = await setUp(t)
  const result = await sh(
    `echo x > f; ln f g 2>&1 | grep -o 'not permitted'
     ln -s f l; readlink l; cat l; mv -n f h; mv -n h l 2>&1; ls; mkdir d; rmdir d; rmdir nothing 2>&1 | grep -o 'No such'
     python3 -c "import os, stat; os.mknod('node', 0o640 | stat.S_IFREG)"; stat -c '%A %s' node
     mkdir -p a/b; mv a c; ls c; rm -r c; chown 12:34 node 2>/dev/null; stat -c %u:%g node`,
    folder,
  )
  const owner = process.getuid?.() === 0 ? '12:34' : `${process.getuid?.()}:${process.getgid?.()}`
  t.match(result, {
    err: '',
    out: `not permitted\nf\nx\nh\nl\nNo such\n-rw-r----- 0\nb\n${owner}\n`,
  })
})

rule('a directory is seen whole, also when large', async ({ t, setUp }) => {
  const { folder } = await setUp(t)
  await sh('mkdir big; cd big; seq 3000 | xargs touch', folder)
  t.equal((await readdir(join(folder, 'big'))).length, 3000)
  t.match(await sh('rm -r big; ls | wc -l', folder), { out: '0\n' })
})

rule('an open descriptor survives renames and truncation by name', async ({ t, setUp }) => {
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

rule('refusals', async ({ t, setUp }) => {
  const { folder } = await setUp(t)
  await mkdir(join(folder, 'd'))
  await writeFile(join(folder, 'd', 'f'), '')
  await t.rejects(unlink(join(folder, 'd')), /EISDIR|EPERM/)
  await t.rejects(rm(join(folder, 'd')), Error)
  await t.rejects(rename(join(folder, 'd'), join(folder, 'd', 'x')), refused('EINVAL'))
  await t.rejects(stat(join(folder, 'd', 'f', 'g')), refused('ENOTDIR'))
})
