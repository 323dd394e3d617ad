/** What crosses to C: stat, statfs, entries, options, times, mountinfo. Rules 2, 10, 11. */
import t from 'tap'
import { DEFAULT_DEADLINES } from '../../src/fuse/link.ts'
import type { LinkOptions } from '../../src/fuse/link.ts'
import { parseMounts } from '../../src/fuse/mountinfo.ts'
import { optionString } from '../../src/fuse/native/options.ts'
import { isListable, nameFits } from '../../src/fuse/names.ts'
import { direntWords, statWords, statfsWords } from '../../src/fuse/native/stat.ts'
import { timesOf } from '../../src/fuse/native/times.ts'

const ATTR = {
  ino: 7,
  kind: 'file',
  perm: 0o4755,
  uid: 1000,
  gid: 100,
  size: 2 ** 40 + 5,
  nlink: 1,
  mtime: 1_700_000_000_123_999_999n,
  ctime: 0n,
  atime: -5_000_000_000n,
} as const

t.test('stat', async t => {
  const words = [...statWords(ATTR)]
  t.equal(words[0], 0o104755, 'a mode always has its type')
  t.same(words.slice(1, 5), [1000, 100, 5, 256])
  t.equal(words[7], 7)
  t.equal((words[10] ?? 0) + (words[11] ?? 0) * 2 ** 32, Math.ceil((2 ** 40 + 5) / 512))
  t.same(words.slice(12, 14), [0, 0], 'before 1970 is 1970')
  t.equal((words[14] ?? 0) + (words[15] ?? 0) * 2 ** 32, 1_700_000_000_123, 'cut, not rounded')
  t.equal(statWords({ ...ATTR, kind: 'directory' })[0], 0o044755)
  t.equal(statWords({ ...ATTR, kind: 'symlink' })[0], 0o124755)
})

t.test('statfs counts in MiB, both units the same, nothing wraps', async t => {
  const words = [...statfsWords({ total: 2 ** 60, free: 3 * 2 ** 20, files: 12, nameMax: 255 })]
  t.same(words.slice(0, 5), [2 ** 20, 2 ** 20, 2 ** 32 - 1, 3, 3])
  t.equal((words[5] ?? 0) - (words[6] ?? 0), 12, 'files in use, as df -i counts them')
  t.equal(words[10], 255)
})

t.test('names that would spoil a listing are left out', async t => {
  const names = [
    'a',
    '',
    'b/c',
    'd\0',
    '.',
    '..',
    'x'.repeat(255),
    'x'.repeat(256),
    'ü'.repeat(128),
    'ü'.repeat(127),
  ]
  const entries = names.map((name, index) => ({ name, ino: index, kind: undefined }))
  const { names: kept, stats } = direntWords({ self: 5, above: 1, entries })
  t.same(kept, ['.', '..', 'a', 'x'.repeat(255), 'ü'.repeat(127)])
  t.equal(stats.length, kept.length)
  t.same(
    stats.map(words => words[7]),
    [5, 1, 2 ** 32 - 1, 6, 9],
  )
  t.same(
    stats.map(words => words[0]),
    [0o040000, 0o040000, 0, 0, 0],
  )
  t.ok(isListable('new\nline'))
  t.notOk(nameFits('ü'.repeat(128)))
})

const OPTIONS: LinkOptions = {
  mountPoint: '/mnt',
  source: 's3://b,x\\y',
  readOnly: false,
  allowOther: false,
  nonEmpty: false,
  attrTimeout: 0,
  entryTimeout: 1500,
  xattr: true,
  flags: [],
  maxBackground: 64,
  deadlines: DEFAULT_DEADLINES,
}

t.test('the option string', async t => {
  const text = optionString(OPTIONS)
  t.equal(
    text,
    '-obig_writes,atomic_o_trunc,default_permissions,use_ino,max_background=64,congestion_threshold=48,' +
      'auto_cache,ac_attr_timeout=0,attr_timeout=0,entry_timeout=1.5,subtype=pailfs,fsname=s3://b\\,x\\\\y',
  )
  for (const never of ['nopath', 'hard_remove', 'kernel_cache', 'intr', 'umask'])
    t.notMatch(text, never)
  t.match(
    optionString({
      ...OPTIONS,
      readOnly: true,
      allowOther: true,
      nonEmpty: true,
      flags: ['noexec'],
    }),
    ',allow_other,nonempty,ro,noexec,',
  )
  t.throws(() => optionString({ ...OPTIONS, source: 'x'.repeat(1000) }), { name: 'MountError' })
  t.throws(() => optionString({ ...OPTIONS, mountPoint: '/x'.repeat(600) }), { name: 'MountError' })
})

t.test('times come from the C struct', async t => {
  const thread = Buffer.alloc(360)
  thread.writeBigInt64LE(1111n, 104)
  thread.writeBigInt64LE(-2222n, 112)
  t.same(timesOf(thread, 1111, 0), { atime: 1_111_000_000n, mtime: -2_222_000_000n })
  t.same(timesOf(Buffer.alloc(368), 5, 1), {
    atime: 4_294_967_301_000_000n,
    mtime: 4_294_967_301_000_000n,
  })
})

t.test('mountinfo', async t => {
  const text =
    '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n' +
    '40 22 0:39 / /mnt/a\\040b rw,nosuid shared:1 - fuse.pailfs s3://b\\134x rw,user_id=0\n'
  t.match(parseMounts(text), [
    { id: 22, mountPoint: '/', type: 'ext4' },
    { id: 40, mountPoint: '/mnt/a b', type: 'fuse.pailfs', source: 's3://b\\x' },
  ])
})
