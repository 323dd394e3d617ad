/** POSIX attributes in user metadata: what others write is read, and what is written is read back. */
import fc from 'fast-check'
import t from 'tap'
import { formatMode, parseMode } from '../../src/core/metadata-formats.ts'
import {
  forNewContent,
  isPosixField,
  readAttributes,
  writeAttributes,
} from '../../src/core/metadata.ts'
import { isDevice, isSpecial, kindOfMode, type PosixAttributes } from '../../src/core/posix.ts'

const defaults = { uid: 1000, gid: 1000, filePerm: 0o644, dirPerm: 0o755 }
const SECOND = 1_000_000_000n

function read(
  user: Record<string, string>,
  more: { key?: string; size?: number; contentType?: string } = {},
) {
  const { key = 'a', size = 5, contentType } = more
  const meta = contentType === undefined ? { user } : { user, contentType }
  return readAttributes({ key, size, modified: 1_500_000_000_123, meta }, defaults)
}

const TYPES = [0o010000, 0o020000, 0o040000, 0o060000, 0o100000, 0o120000, 0o140000]

t.test('the mode field, all of type and permission bits, in both notations', async t => {
  let wrong = 0
  for (const type of TYPES) {
    for (let bits = 0; bits <= 0o7777; bits++) {
      const mode = type | bits
      const ordinary = bits <= 0o777 && !isSpecial(kindOfMode(mode)!)
      const misread = [String(mode), mode.toString(8)].some(text => parseMode(text) !== mode)
      if (misread && ordinary) wrong++
      if (parseMode(`0${mode.toString(8)}`) !== mode || parseMode(formatMode(mode)) !== mode)
        wrong++
    }
  }
  t.equal(wrong, 0)
})

t.test('mode texts', async t => {
  t.equal(parseMode('33188'), 0o100644)
  t.equal(parseMode('100644'), 0o100644)
  t.equal(parseMode('0100644'), 0o100644)
  t.equal(parseMode('41471'), 0o120777)
  t.equal(parseMode('644'), 0o644)
  t.equal(parseMode('0644'), 0o644)
  for (const text of ['', 'fast', '-1', '999999', '0x81a4', '1e5', '08'])
    t.equal(parseMode(text), undefined)
})

t.test('nothing stored: the defaults', async t => {
  const common = { uid: 1000, gid: 1000, mtime: 1_500_000_000_123_000_000n }
  t.same(read({}), { kind: 'file', perm: 0o644, ...common })
  t.same(read({}, { key: 'd/' }), { kind: 'directory', perm: 0o755, ...common })
})

t.test('what each program writes', async t => {
  const s3fs = { mode: '33184', uid: '5', gid: '6', mtime: '1424095540.500000000', atime: '1' }
  t.match(read(s3fs), {
    kind: 'file',
    perm: 0o640,
    uid: 5,
    gid: 6,
    mtime: 1_424_095_540_500_000_000n,
  })
  t.match(read({ mtime: '1424095540.5' }), { mtime: 1_424_095_540_500_000_000n })
  t.match(read({ mtime: '1424095540.000000' }), { mtime: 1_424_095_540n * SECOND })
  t.match(read({ mtime: '-1.5' }), { mtime: -1_500_000_000n })
  t.match(read({ mode: '100640' }), { perm: 0o640, kind: 'file' })
  const fsx = {
    'file-permissions': '0120777',
    'file-owner': '7',
    'file-group': '8',
    'file-mtime': '1595002920000000001ns',
    mode: '33188',
    uid: '1',
  }
  t.match(read(fsx), { kind: 'symlink', perm: 0o777, uid: 7, gid: 8, mtime: 1595002920000000001n })
  t.match(read({ 'file-mtime': '1595002920123' }), { mtime: 1595002920123000000n })
  const gsutil = {
    'goog-reserved-posix-mode': '600',
    'goog-reserved-posix-uid': '3',
    'goog-reserved-posix-gid': '4',
    'goog-reserved-file-mtime': '77',
  }
  t.match(read(gsutil), { perm: 0o600, uid: 3, gid: 4, mtime: 77n * SECOND })
  const s3cmd = {
    's3cmd-attrs':
      'atime:1/ctime:2/gid:20/gname:staff/md5:d41d8cd98f00b204e9800998ecf8427e/mode:33152/mtime:9/uid:501/uname:me',
  }
  t.match(read(s3cmd), { perm: 0o600, uid: 501, gid: 20, mtime: 9n * SECOND })
  t.match(read({ permissions: '416', owner: '1', group: 'staff' }), {
    perm: 0o640,
    uid: 1,
    gid: 1000,
  })
  const gcsfuse = { gcsfuse_mtime: '2026-08-01T12:00:00.123456789Z' }
  t.match(read(gcsfuse), { mtime: 1785585600123456789n })
  t.match(read({ 'gcsfuse-mtime': gcsfuse.gcsfuse_mtime }), { mtime: 1785585600123456789n })
})

t.test('symlinks', async t => {
  t.match(read({ mode: '41471' }), { kind: 'symlink', perm: 0o777, symlinkTarget: undefined })
  t.match(read({ '--symlink-target': '..%2Fx%20y' }, { size: 0 }), {
    kind: 'symlink',
    symlinkTarget: '../x y',
  })
  t.match(read({ gcsfuse_symlink_target: 'a%41' }, { size: 0 }), { symlinkTarget: 'a%41' })
  t.match(read({ 'goog-reserved-file-is-symlink': 'true' }), { kind: 'symlink' })
  t.match(read({}, { contentType: 'application/link' }), { kind: 'symlink' })
  const svfs = read({ 'symlink-target': 'x' }, { contentType: 'application/link', size: 0 })
  t.match(svfs, { kind: 'symlink', symlinkTarget: 'x' })
  t.match(read({ 'symlink-target': 'x' }), { kind: 'file', symlinkTarget: undefined })
  t.match(read({ mode: '41471' }, { size: 5000 }), { kind: 'file' })
  t.match(read({ mode: '41471' }, { key: 'a/' }), { kind: 'directory' })
})

t.test('FIFOs, sockets and devices are empty, or they are files', async t => {
  // As s3fs writes them; it keeps no number of a device.
  t.match(read({ mode: '4516' }, { size: 0 }), { kind: 'fifo', perm: 0o644 })
  t.match(read({ mode: '49645' }, { size: 0 }), { kind: 'socket', perm: 0o755 })
  t.match(read({ mode: '8630' }, { size: 0 }), { kind: 'character', perm: 0o666, rdev: 0 })
  // As geesefs writes them.
  t.match(read({ mode: '25008', rdev: '2049' }, { size: 0 }), { kind: 'block', rdev: 0x801 })
  t.match(read({ mode: '25008', rdev: '0x801' }, { size: 0 }), { kind: 'block', rdev: 0x801 })
  t.match(read({ mode: '25008', rdev: 'many' }, { size: 0 }), { kind: 'block', rdev: 0 })
  t.match(read({ mode: '4516' }, { size: 1 }), { kind: 'file', perm: 0o644 })
  t.match(read({ mode: '33188', rdev: '5' }), { kind: 'file', rdev: undefined })
  const device = { kind: 'character', perm: 0o620, rdev: 0x501 } as const
  t.same(writeAttributes(device, defaults, {}), { mode: '8592', rdev: '1281' })
  t.same(writeAttributes({ kind: 'fifo' }, defaults, {}), { mode: '4516' })
  t.same(writeAttributes({ kind: 'file', rdev: 0 }, defaults, { rdev: '5' }), { rdev: '5' })
})

t.test('directories without a slash are empty, or they are files', async t => {
  for (const contentType of [
    'application/x-directory',
    'httpd/unix-directory; charset=utf-8',
    'text/directory',
  ]) {
    t.match(read({}, { contentType, size: 0 }), { kind: 'directory' })
    t.match(read({}, { contentType, size: 1 }), { kind: 'file' })
  }
  t.match(read({ mode: '16877' }, { size: 0 }), { kind: 'directory' })
  t.match(read({ mode: '16877' }, { size: 1 }), { kind: 'file', perm: 0o755 })
  t.match(read({}, { key: 'x_$folder$', size: 0 }), { kind: 'directory' })
})

t.test('writing says only what differs from the defaults', async t => {
  const attrs = { kind: 'file', perm: 0o644, uid: 1000, gid: 1000, mtime: 5n * SECOND } as const
  t.same(writeAttributes(attrs, defaults, {}), { mtime: '5' })
  t.same(writeAttributes({ ...attrs, perm: 0o600, uid: 0, mtime: 5_000_000_001n }, defaults, {}), {
    mode: '33152',
    uid: '0',
    mtime: '5.000000001',
  })
  t.same(writeAttributes({ kind: 'symlink' }, defaults, {}), { mode: '41471' })
  t.same(writeAttributes({ kind: 'file' }, defaults, { mode: '33152', meta1: 'x' }), { meta1: 'x' })
})

t.test("others' fields are corrected in their own format", async t => {
  const attrs = { kind: 'file', perm: 0o600, uid: 7, gid: 8, mtime: 1_500_000_001n } as const
  const before = {
    'file-permissions': '0100644',
    'file-mtime': '5',
    's3cmd-attrs': 'gid:20/md5:00/mode:33188/mtime:9/uid:501',
    owner: 'Alice',
    mode: 'fast',
  }
  t.same(writeAttributes(attrs, defaults, before), {
    'file-permissions': '0100600',
    'file-mtime': '1500000001ns',
    's3cmd-attrs': 'gid:8/md5:00/mode:33152/mtime:1/uid:7',
    owner: 'Alice',
    mode: '33152',
    uid: '7',
    gid: '8',
    mtime: '1.500000001',
  })
  t.match(writeAttributes({ kind: 'file' }, defaults, { mode: 'fast' }), { mode: 'fast' })
  const link = { '--symlink-target': 'a%2fb', gcsfuse_symlink_target: 'z' }
  t.match(writeAttributes({ kind: 'symlink', symlinkTarget: 'a/b' }, defaults, link), link)
  t.same(writeAttributes({ kind: 'file' }, defaults, link), {})
})

t.test('new content drops checksums of the old', async t => {
  t.same(forNewContent({ md5chksum: 'x', mtime: '1', 's3cmd-attrs': 'md5:00' }), { mtime: '1' })
  t.same(forNewContent({ 's3cmd-attrs': 'md5:00/uid:1' }), { 's3cmd-attrs': 'uid:1' })
})

t.test('names of attributes', async t => {
  t.ok(['mode', 'uid', 'gid', 'mtime', 'xattr'].every(isPosixField))
  t.notOk(['meta1', 's3cmd-attrs', 'file-permissions', 'Mode'].some(isPosixField))
})

const time = fc.bigInt({ min: -2_000_000_000n * SECOND, max: 9_000_000_000n * SECOND })
const modeText = fc
  .tuple(fc.constantFrom(...TYPES, 0), fc.nat({ max: 0o7777 }), fc.constantFrom(8, 10, 0))
  .map(([type, bits, base]) =>
    base === 0 ? `0${(type | bits).toString(8)}` : (type | bits).toString(base),
  )
const idText = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom('alice', '', '-1', ' 7 ', '4294967295'),
)
const timeText = fc.oneof(
  time.map(String),
  time.map(ns => `${ns / SECOND}.25`),
  time.map(ns => `${ns}ns`),
  fc.constantFrom('2026-08-01T12:00:00.5+02:00', 'never', ''),
)
const foreign = fc.record(
  {
    'file-permissions': modeText,
    mode: fc.oneof(modeText, fc.string()),
    'goog-reserved-posix-mode': modeText,
    permissions: modeText,
    'file-owner': idText,
    uid: idText,
    owner: idText,
    'goog-reserved-posix-uid': idText,
    'file-group': idText,
    gid: idText,
    group: idText,
    'goog-reserved-posix-gid': idText,
    mtime: timeText,
    'file-mtime': timeText,
    gcsfuse_mtime: timeText,
    'goog-reserved-file-mtime': timeText,
    's3cmd-attrs': fc
      .tuple(modeText, idText, idText, timeText)
      .map(
        ([mode, uid, gid, mtime]) => `uname:me/mode:${mode}/uid:${uid}/gid:${gid}/mtime:${mtime}`,
      ),
    '--symlink-target': fc.string(),
    gcsfuse_symlink_target: fc.string(),
    'goog-reserved-file-is-symlink': fc.constantFrom('true', 'false'),
    meta1: fc.string(),
  },
  { requiredKeys: [] },
)
const id = fc.oneof(fc.constant(1000), fc.nat({ max: 0xffff_fffe }))
const KINDS = ['file', 'directory', 'symlink', 'fifo', 'socket', 'character', 'block'] as const
const attributes = fc.record({
  kind: fc.constantFrom(...KINDS),
  perm: fc.oneof(fc.constantFrom(0o644, 0o755, 0o777), fc.nat({ max: 0o7777 })),
  uid: id,
  gid: id,
  mtime: time,
  rdev: fc.oneof(fc.constant(0), fc.nat({ max: 0xffff_ffff })),
  target: fc.option(fc.string({ unit: 'grapheme', minLength: 1 }), { nil: undefined }),
})

t.test('what is written is read back, whatever was there before', async () => {
  fc.assert(
    fc.property(attributes, foreign, ({ target, rdev, ...common }, previous) => {
      const rest = isDevice(common.kind) ? { ...common, rdev } : common
      const linked = rest.kind === 'symlink' && target !== undefined
      const attrs: PosixAttributes = linked ? { ...rest, symlinkTarget: target } : rest
      const user = writeAttributes(attrs, defaults, previous)
      if (user['meta1'] !== previous.meta1) return false
      const key = attrs.kind === 'directory' ? 'a/' : 'a'
      const again = read(user, { key, size: isSpecial(attrs.kind) ? 0 : 5 })
      const names = Object.keys(again) as (keyof typeof again)[]
      const right = names.length === Object.keys(attrs).length
      return right && names.every(name => again[name] === attrs[name])
    }),
    { numRuns: 2000 },
  )
})
