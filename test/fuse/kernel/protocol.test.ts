/** The protocol's pieces without a kernel: requests taken apart, agreements, entries, and whose pages the kernel has. */
import t from 'tap'
import { Call } from '../../../src/fuse/kernel/call.ts'
import { Handles } from '../../../src/fuse/kernel/handles.ts'
import { Memory } from '../../../src/fuse/kernel/memory.ts'
import { negotiate } from '../../../src/fuse/kernel/negotiate.ts'
import { Places } from '../../../src/fuse/kernel/places.ts'
import { IN_HEADER, INIT, MAX_IO, OP, write64 } from '../../../src/fuse/kernel/protocol.ts'
import { putDirent } from '../../../src/fuse/kernel/structs.ts'
import { withoutSetId } from '../../../src/fuse/kernel/set-id.ts'

function request(opcode: number, body: Buffer): Call {
  const buffer = Buffer.alloc(IN_HEADER + body.length)
  buffer.writeUInt32LE(opcode, 4)
  write64(buffer, 8, 2 ** 40 + 2)
  write64(buffer, 16, 7)
  buffer.writeUInt32LE(1000, 24)
  buffer.writeUInt32LE(100, 28)
  body.copy(buffer, IN_HEADER)
  return new Call(buffer, buffer.length)
}

function init(major: number, minor: number, flags: number): Call {
  const body = Buffer.alloc(16)
  for (const [index, value] of [major, minor, 131_072, flags].entries()) {
    body.writeUInt32LE(value >>> 0, index * 4)
  }
  return request(OP.init, body)
}

t.test('a request', async t => {
  const call = request(OP.lookup, Buffer.from('name\0'))
  t.match(call, { opcode: OP.lookup, unique: 2 ** 40 + 2, ino: 7, caller: { uid: 1000, gid: 100 } })
  t.equal(call.name(0).fresh(), 'name')
  const bad = request(OP.lookup, Buffer.from([0x62, 0xff, 0])).name(0)
  t.throws(() => bad.existing(), /ENOENT/)
  t.throws(() => bad.fresh(), /EILSEQ/)
  t.equal(
    request(OP.lookup, Buffer.from('\uFFFD\0')).name(0).fresh(),
    '\uFFFD',
    'a name like others',
  )
  const long = request(OP.lookup, Buffer.from(`${'ü'.repeat(128)}\0`)).name(0)
  t.throws(() => long.existing(), /ENAMETOOLONG/)
})

t.test('what is agreed on', async t => {
  const all = 0x7fffffff
  const options = { maxBackground: 64, entryTimeout: 1000 }
  t.match(negotiate(init(7, 45, all), options), {
    again: false,
    agreed: {
      minor: 38,
      maxWrite: MAX_IO,
      maxPages: 256,
      maxBackground: 64,
      maxReadahead: 131_072,
    },
  })
  t.match(negotiate(init(7, 27, all & ~INIT.maxPages), options), {
    agreed: { minor: 27, maxWrite: 131_072, maxPages: 0 },
  })
  t.match(negotiate(init(8, 0, all), options), { again: true, agreed: { major: 7, flags: 0 } })
  t.match(negotiate(init(7, 22, all), options), /at least 7\.23/)
})

t.test('entries of a directory', async t => {
  const out = Buffer.alloc(64, 0xff)
  const entry = { name: 'ü-long', ino: 9, kind: 'symlink' } as const
  t.equal(putDirent(out, 0, entry, 5), 32)
  t.same(
    [out.readUInt32LE(16), out.readUInt32LE(20), out.toString('utf8', 24, 31)],
    [7, 10, 'ü-long'],
  )
  t.equal(out[31], 0)
  t.equal(putDirent(out, 32, { ...entry, name: 'x'.repeat(8) }, 6), 64, 'exactly')
  t.equal(putDirent(out, 32, { ...entry, name: 'x'.repeat(9) }, 6), undefined)
})

t.test('the kernel’s pages stay with their version', async t => {
  const handles = new Handles()
  const open = (handle: number, generation: number) =>
    handles.opened(handle, { ino: 7, generation })
  t.same(open(1, 0), { changed: false, keep: false }, 'nothing was known')
  t.same(open(2, 0), { changed: false, keep: true })
  t.same(open(3, 1), { changed: true, keep: false }, 'attributes first')
  t.same(open(4, 1), { changed: false, keep: false }, 'old pages go')
  t.same(open(5, 1), { changed: false, keep: true })
  t.notOk(handles.isCurrent(1))
  t.ok(handles.isCurrent(5))
  handles.forget(7)
  t.same(open(6, 9), { changed: false, keep: false })
  t.same(handles.opened(7, { ino: 8, generation: undefined }), { changed: false, keep: false })
  t.ok(handles.isCurrent(7))
})

t.test('a file that changes all the time can be opened', async t => {
  const handles = new Handles()
  const changes = [0, 1, 2].map(generation => handles.opened(generation, { ino: 7, generation }))
  t.same(
    changes.map(({ changed }) => changed),
    [false, true, false],
  )
})

t.test('names for the log', async t => {
  const places = new Places()
  places.told(2, 1, 'a')
  places.told(3, 2, 'b')
  places.told(3, 2, 'b')
  t.equal(places.pathOf(3, 'c'), '/a/b/c')
  t.equal(places.pathOf(1), '/')
  t.notOk(places.forgotten(3, 1))
  t.ok(places.forgotten(3, 1))
  t.equal(places.pathOf(3), '/inode 3')
  places.told(2, 5, 'a')
  places.told(5, 2, 'circle')
  t.ok(places.pathOf(2).length < 5000)
})

t.test('memory is used again', async t => {
  const memory = new Memory()
  const one = memory.take(5000)
  t.equal(one.length, 5000)
  memory.giveBack(one)
  t.equal(memory.take(8192).buffer, one.buffer)
})

t.test('setuid and setgid', async t => {
  const attr = { ino: 1, kind: 'file', uid: 0, gid: 0, size: 0, nlink: 1, mtime: 0n, ctime: 0n, atime: 0n } as const // prettier-ignore
  t.same(withoutSetId({ ...attr, perm: 0o6755 }), { perm: 0o755 })
  t.same(withoutSetId({ ...attr, perm: 0o2644 }), {}, 'without group execute it is no setgid')
  t.same(withoutSetId({ ...attr, perm: 0o644 }), {})
  t.same(withoutSetId({ ...attr, kind: 'fifo', perm: 0o4711 }), { perm: 0o711 })
  t.same(withoutSetId({ ...attr, kind: 'directory', perm: 0o6755 }), {})
})
