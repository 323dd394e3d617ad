/**
 * Directories as others keep them, by objects without a trailing slash: shown, counted in requests, moved and removed
 * without a trace. And the file beside a directory of its name, when the directory leaves.
 */
import t from 'tap'
import { listAll } from '../../src/fs/listing.ts'
import type { ObjectStore } from '../../src/store/store.ts'
import { Core } from '../support/core.ts'

const OLD_S3FS = { user: { mode: '16872', uid: '7', mtime: '1000000000' } }
const TYPED = { contentType: 'application/x-directory', user: {} }
const PLAIN = { user: {} }
const NOTHING = new Uint8Array()

/** A bucket with these objects; a value that is text is a file's content. */
async function bucketOf(objects: Record<string, string | typeof TYPED | typeof PLAIN>) {
  const core = new Core()
  await put(core, objects)
  return core
}

async function put(core: Core, objects: Record<string, string | typeof TYPED | typeof PLAIN>) {
  for (const [key, what] of Object.entries(objects)) {
    const body = typeof what === 'string' ? Buffer.from(what) : NOTHING
    await core.memory.put(key, body, { meta: typeof what === 'string' ? PLAIN : what })
  }
}

async function keysOf({ memory }: Core): Promise<string[]> {
  const found = await listAll(memory, '', undefined)
  return found!.objects.map(({ key }) => key)
}

async function kinds(core: Core, path = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of await core.names(path)) {
    found[name] = (await core.stat(path === '' ? name : `${path}/${name}`)).kind
  }
  return found
}

const FOREIGN = {
  s3n_$folder$: PLAIN,
  'full/f': 'x',
  full_$folder$: PLAIN,
  old: OLD_S3FS,
  'old/f': 'y',
  typed: TYPED,
  empty: '',
  data_$folder$: 'bytes stay within reach',
}

t.test('they are directories, and their objects no names', async t => {
  const core = await bucketOf(FOREIGN)
  const heads = () => core.counting.count('head')
  t.same(await core.names(''), ['data_$folder$', 'empty', 'full', 'old', 's3n', 'typed'])
  t.equal(heads(), 1, 'only the empty object beside a directory is asked for')
  t.same(await kinds(core), {
    data_$folder$: 'file',
    empty: 'file',
    full: 'directory',
    old: 'directory',
    s3n: 'directory',
    typed: 'directory',
  })
  t.match(await core.stat('old'), { perm: 0o750, uid: 7, mtime: 10n ** 18n })
  t.same(await core.names('typed'), [])
  t.same(await core.names('full'), ['f'])
  t.equal(await core.read('data_$folder$'), 'bytes stay within reach')
  const { ino } = await core.stat('typed')
  await core.clock.pass(200_000)
  t.same(await core.names(''), ['data_$folder$', 'empty', 'full', 'old', 's3n', 'typed'])
  t.equal((await core.stat('typed')).ino, ino, 'the same after another listing')
  await t.rejects(core.mkdir('s3n'), /^EEXIST/)
  core.stop()
})

t.test('removed without a trace', async t => {
  const core = await bucketOf(FOREIGN)
  for (const name of ['s3n', 'full', 'old', 'typed']) {
    await core.stat(name)
    for (const inner of await core.names(name)) await core.unlink(`${name}/${inner}`)
    await core.rmdir(name)
  }
  t.same(await core.names(''), ['data_$folder$', 'empty'])
  t.equal(await core.drain(), 0)
  t.same(await keysOf(core), ['data_$folder$', 'empty'])
  await core.write('typed', 'a file now')
  await core.drain()
  t.equal(await core.other().read('typed'), 'a file now')
  core.stop()
})

t.test('moved without a trace, with what they are', async t => {
  const core = await bucketOf({ ...FOREIGN, 'old/in': TYPED, 'old/in2_$folder$': PLAIN })
  for (const name of ['s3n', 'full', 'old', 'typed']) {
    await core.stat(name)
    await core.rename(name, `${name}2`)
  }
  t.same(await core.names(''), ['data_$folder$', 'empty', 'full2', 'old2', 's3n2', 'typed2'])
  t.equal(await core.drain(), 0)
  const other = core.other()
  t.same(await kinds(other), {
    data_$folder$: 'file',
    empty: 'file',
    full2: 'directory',
    old2: 'directory',
    s3n2: 'directory',
    typed2: 'directory',
  })
  t.match(await other.stat('old2'), { perm: 0o750, uid: 7, mtime: 10n ** 18n })
  t.same(await kinds(other, 'old2'), { f: 'file', in: 'directory', in2: 'directory' })
  t.notOk((await keysOf(core)).some(key => /^(s3n|full|old|typed)(_|\/|$)/.test(key)))
  core.stop()
})

t.test('changed: a marker is made beside, and both go in the end', async t => {
  let core = await bucketOf({ old: OLD_S3FS, s3n_$folder$: PLAIN })
  await core.set('old', { perm: 0o711 })
  await core.write('s3n/f', 'in it')
  await core.unlink('s3n/f')
  await core.drain()
  t.same(await keysOf(core), ['old', 'old/', 's3n_$folder$'])
  core = core.restart()
  t.match(await core.stat('old'), { kind: 'directory', perm: 0o711, uid: 7 })
  t.same(await core.names(''), ['old', 's3n'])
  await core.rmdir('old')
  await core.rmdir('s3n')
  await core.drain()
  t.same(await keysOf(core), [])
  core.stop()
})

t.test("what Swift's listing tells costs no request", async t => {
  const core = new Core({ around: withTypes })
  await put(core, { typed: TYPED, 'twin/f': 'x', twin: TYPED, empty: '' })
  t.same(await core.names(''), ['empty', 'twin', 'typed'])
  t.equal(core.counting.count('head'), 0)
  await core.rmdir('typed')
  await core.drain()
  t.same(await keysOf(core), ['empty', 'twin', 'twin/f'])
  core.stop()
})

/** A store whose listings have content types. */
function withTypes(store: ObjectStore): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      if (name !== 'list') {
        const value = Reflect.get(target, name) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      }
      return async (...args: Parameters<ObjectStore['list']>) => {
        const page = await target.list(...args)
        const objects = page.objects.map(async object => {
          const { contentType = 'application/octet-stream' } = (await target.head(object.key)).meta
          return { ...object, contentType }
        })
        return { ...page, objects: await Promise.all(objects) }
      }
    },
  })
}

t.test('in a directory too large for one listing', async t => {
  const core = await bucketOf({ typed: TYPED, s3n_$folder$: PLAIN })
  for (let at = 0; at < 1200; at++) await put(core, { [`f${at}`]: '' })
  t.match(await core.stat('typed'), { kind: 'directory' })
  t.equal((await core.names('')).length, 1202)
  t.match(await core.stat('s3n'), { kind: 'directory' })
  await core.clock.pass(200_000)
  t.match(await core.stat('s3n'), { kind: 'directory' })
  await core.rmdir('typed')
  await core.rmdir('s3n')
  await core.drain()
  t.equal((await keysOf(core)).length, 1200)
  core.stop()
})

t.test('markers keep their metadata when the directory above is moved', async t => {
  const core = await bucketOf({})
  await core.mkdir('a')
  await core.mkdir('a/b')
  await core.set('a/b', { perm: 0o700, mtime: 10n ** 18n })
  await core.drain()
  const other = core.other()
  await other.rename('a', 'c')
  await other.drain()
  t.match(await other.other().stat('c/b'), { perm: 0o700, mtime: 10n ** 18n })
  core.stop()
})

t.test('a file beside a directory has the name for itself when the directory leaves', async t => {
  const leave: Record<string, (core: Core) => Promise<void>> = {
    mv: core => core.rename('a', 'b'),
    'mv elsewhere': async core => {
      await core.mkdir('d')
      await core.rename('a', 'd/a')
    },
    rm: async core => {
      await core.unlink('a/f')
      await core.rmdir('a')
    },
  }
  for (const [how, run] of Object.entries(leave)) {
    const core = await bucketOf({ a: 'file', 'a/f': 'below' })
    t.same(await core.names(''), ['a', 'pail%file=a'], how)
    await run(core)
    t.ok((await core.names('')).includes('a'), how)
    t.notOk((await core.names('')).includes('pail%file=a'), how)
    t.equal(await core.read('a'), 'file', how)
    await t.rejects(core.mkdir('a'), /^EEXIST/)
    t.equal(await core.read('pail%file=a'), 'file', 'for those who have read the name before')
    await core.append('a', ' and more')
    await core.drain()
    t.equal(await core.other().read('a'), 'file and more', how)
    core.stop()
  }
})

t.test('removed by the name that was read before the directory left', async t => {
  for (const pause of [0, 200_000]) {
    const core = await bucketOf({ a: 'file', 'a/f': 'below', moved: 'file', 'moved/f': '' })
    await core.names('')
    for (const name of ['a', 'moved']) {
      await core.unlink(`${name}/f`)
      await core.rmdir(name)
    }
    await core.drain()
    await core.clock.pass(pause)
    await core.unlink('pail%file=a')
    await core.rename('pail%file=moved', 'other')
    t.same(await core.names(''), ['other'])
    await core.drain()
    t.same(await keysOf(core), ['other'])
    core.stop()
  }
})

t.test('the name beside a directory cannot be made where there is no directory', async t => {
  const core = await bucketOf({ a: 'kept', 'd/f': '' })
  await t.rejects(core.write('pail%file=a', 'lost'), /^EINVAL/)
  await t.rejects(core.rename('d/f', 'pail%file=a'), /^EINVAL/)
  await core.write('pail%file=d', 'beside')
  await core.drain()
  t.same(await keysOf(core), ['a', 'd', 'd/f'])
  t.equal(await core.other().read('a'), 'kept')
  core.stop()
})
