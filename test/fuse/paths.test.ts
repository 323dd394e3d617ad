/** The walk from paths to inodes, and what it remembers. */
import t from 'tap'
import { Paths } from '../../src/fuse/native/paths.ts'
import { MemoryFs } from '../support/memory-fs.ts'

const FLAGS = { read: true, write: true, append: false, truncate: false }

/** What `rejects` compares with. */
const refused = (errno: string) => ({ errno }) as unknown as Error

async function setUp() {
  const fs = new MemoryFs()
  const lookups: string[] = []
  const lookup = fs.lookup.bind(fs)
  fs.lookup = (parent, name) => {
    lookups.push(name)
    return lookup(parent, name)
  }
  const a = await fs.mkdir(1, 'a', 0o755)
  const b = await fs.mkdir(a.ino, 'b', 0o755)
  const { attr: c } = await fs.create(b.ino, 'c', 0o644, FLAGS)
  return { fs, paths: new Paths(fs), lookups, a, b, c }
}

t.test('a look-up asks for its last name only once the way is known', async t => {
  const { paths, lookups, c } = await setUp()
  t.equal((await paths.lookup('/a/b/c')).ino, c.ino)
  t.same(lookups.splice(0), ['a', 'b', 'c'])
  await paths.lookup('/a/b/c')
  t.same(lookups.splice(0), ['c'], 'the name itself is always asked')
  t.equal(await paths.resolve('/a/b/c'), c.ino)
  t.same(lookups, [])
})

t.test('a changed name is forgotten, with all below it', async t => {
  const { fs, paths, lookups, a, b, c } = await setUp()
  await paths.lookup('/a/b/c')
  await fs.rename(a.ino, 'b', 1, 'd')
  paths.moved('/a/b', '/d')
  await t.rejects(paths.resolve('/a/b/c'), refused('ENOENT'))
  lookups.splice(0)
  t.equal(await paths.resolve('/d/c'), c.ino)
  t.same(lookups, ['c'], 'the moved directory is known by its new name')
  t.equal(await paths.resolve('/d'), b.ino)
})

t.test('a look-up that a change overtook leaves no trace', async t => {
  const { fs, paths, b, c } = await setUp()
  await paths.lookup('/a/b')
  let go!: () => void
  const lookup = fs.lookup.bind(fs)
  fs.lookup = async (parent, name) => {
    const attr = await lookup(parent, name)
    if (name === 'c') await new Promise<void>(resolve => (go = resolve))
    return attr
  }
  const slow = paths.lookup('/a/b/c')
  await new Promise(resolve => setImmediate(resolve))
  await fs.unlink(b.ino, 'c')
  paths.removed('/a/b/c')
  const { attr: fresh } = await fs.create(b.ino, 'c', 0o644, FLAGS)
  paths.added('/a/b/c', fresh)
  go()
  t.equal((await slow).ino, c.ino)
  t.equal(await paths.resolve('/a/b/c'), fresh.ino)
})

t.test('an inode that is gone is walked to again', async t => {
  const { fs, paths, a, b } = await setUp()
  await paths.lookup('/a/b/c')
  await fs.unlink(b.ino, 'c')
  await fs.rmdir(a.ino, 'b')
  const fresh = await fs.mkdir(a.ino, 'b', 0o755)
  const { attr } = await fs.create(fresh.ino, 'c', 0o600, FLAGS)
  t.equal((await paths.lookup('/a/b/c')).ino, attr.ino, 'the directory was remembered')
  await fs.unlink(fresh.ino, 'c')
  await t.rejects(
    paths.on('/a/b/c', ino => fs.getxattr(ino, 'user.x')),
    refused('ENODATA'),
    'still open',
  )
})

t.test('names', async t => {
  const { paths } = await setUp()
  await t.rejects(paths.lookup(`/${'x'.repeat(256)}`), refused('ENAMETOOLONG'))
  await t.rejects(paths.lookup(`/a/${'ü'.repeat(128)}/x`), refused('ENAMETOOLONG'))
  await t.rejects(paths.newPlace('/a/bad\uFFFD'), refused('EILSEQ'))
  await t.rejects(paths.lookup('/a/b/c/d'), refused('ENOTDIR'))
  t.same(await paths.newPlace('/new'), { parent: 1, name: 'new' })
})

t.test('orphans', async t => {
  const { fs, paths, b, c } = await setUp()
  await fs.open(c.ino, FLAGS)
  const hidden = '/a/b/.fuse_hidden0000000a00000001'
  t.ok(paths.hides(hidden))
  t.notOk(paths.hides('/a/.fuse_hidden12'))
  await fs.unlink(b.ino, 'c')
  paths.addOrphan(hidden, c.ino)
  t.match(await paths.lookup(hidden), { ino: c.ino, nlink: 0 })
  t.equal(await paths.resolve(hidden), c.ino)
  t.ok(paths.removeOrphan(hidden))
  t.notOk(paths.removeOrphan(hidden))
  await t.rejects(paths.lookup(hidden), refused('ENOENT'))
})
