/** FIFOs, sockets and devices: kept as metadata of empty objects, through a kill, a remount and every change. */
import t from 'tap'
import { Core, READ } from '../support/core.ts'

const make = async (core: Core, path: string, kind: 'fifo' | 'socket' | 'block', rdev = 0) => {
  const { dir, name } = await core.run(core.place(path))
  return core.run(core.fs.mknod(dir, name, { kind, rdev }, 0o640, { uid: 7, gid: 8 }))
}

const kindsIn = async (core: Core, path: string) => {
  const handle = await core.run(core.fs.opendir(await core.run(core.ino(path))))
  const entries = await core.run(core.fs.readdir(handle))
  await core.fs.releasedir(handle)
  return Object.fromEntries(entries.map(({ name, kind }) => [name, kind]))
}

t.test('they are there at once, after a kill, and after a remount', async t => {
  let core = new Core()
  t.match(await make(core, 'p', 'fifo'), { kind: 'fifo', perm: 0o640, uid: 7, gid: 8, size: 0 })
  await make(core, 's', 'socket')
  await make(core, 'b', 'block', 0x801)
  await t.rejects(make(core, 'p', 'fifo'), /^EEXIST/)
  core = core.restart()
  t.match(await core.stat('b'), { kind: 'block', rdev: 0x801, perm: 0o640, uid: 7, gid: 8 })
  t.match(await core.stat('p'), { kind: 'fifo', rdev: 0 })
  t.equal(await core.drain(), 0)
  core = core.other()
  t.same(await kindsIn(core, ''), { p: undefined, s: undefined, b: undefined }, 'no HEAD yet')
  t.match(await core.stat('b'), { kind: 'block', rdev: 0x801, perm: 0o640, uid: 7, gid: 8 })
  t.match(await core.stat('p'), { kind: 'fifo', size: 0, nlink: 1 })
  t.match(await core.stat('s'), { kind: 'socket' })
  t.same(await kindsIn(core, ''), { p: 'fifo', s: 'socket', b: 'block' })
  core.stop()
})

t.test('the type stays through chmod, chown, utimens, rename, and xattrs', async t => {
  let core = new Core()
  await make(core, 'b', 'block', 0x801)
  await core.drain()
  core = core.other()
  await core.set('b', { perm: 0o4755, uid: 1, gid: 2 })
  await core.set('b', { mtime: 5_000_000_001n })
  await core.rename('b', 'c')
  await core.setxattr('c', 'user.rdev', 'mine')
  await core.drain()
  core = core.other()
  t.match(await core.stat('c'), {
    kind: 'block',
    perm: 0o4755,
    uid: 1,
    gid: 2,
    rdev: 0x801,
    mtime: 5_000_000_001n,
  })
  t.equal(await core.getxattr('c', 'user.rdev'), 'mine', 'a name that is ours is escaped')
  await core.unlink('c')
  await core.drain()
  t.same(await core.other().names(''), [])
  core.stop()
})

t.test('over and under files', async t => {
  const core = new Core()
  await core.write('f', 'bytes')
  await make(core, 'p', 'fifo')
  await core.rename('f', 'p')
  t.match(await core.stat('p'), { kind: 'file', size: 5 })
  await make(core, 'q', 'fifo')
  await core.rename('q', 'p')
  await core.drain()
  t.match(await core.other().stat('p'), { kind: 'fifo', size: 0 })
  core.stop()
})

t.test('they have no bytes', async t => {
  const core = new Core()
  const { ino } = await make(core, 'p', 'fifo')
  await t.rejects(core.fs.open(ino, READ), /^ENXIO/)
  await t.rejects(core.set('p', { size: 5 }), /^EINVAL/)
  await t.rejects(core.readlink('p'), /^EINVAL/)
  core.stop()
})
