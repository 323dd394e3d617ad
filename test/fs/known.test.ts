/** Attributes for listings: what is known without a question, never more, and no question for it. */
import t from 'tap'
import { Core } from '../support/core.ts'

const knownIn = async (core: Core, names: readonly string[]) => {
  const known = await core.run(core.fs.known!(1, names))
  return known.map(one => one && { kind: one.attr.kind, size: one.attr.size, fresh: one.fresh })
}

async function filled(): Promise<Core> {
  const core = new Core()
  await core.write('a', 'abc')
  await core.symlink('a', 'l')
  await core.mkdir('d')
  await core.drain()
  core.stop()
  return core.other({ fs: { metadataTtl: 1000 } })
}

t.test('nothing is asked for', async t => {
  const core = await filled()
  await core.names('')
  core.counting.reset()
  t.same(await knownIn(core, ['a', 'l', 'd', 'none', '.', '..']), Array(6).fill(undefined))
  t.equal(core.counting.count(), 0)
  for (const name of ['a', 'l', 'd']) await core.stat(name)
  core.counting.reset()
  t.match(await knownIn(core, ['a', 'l', 'none', 'd']), [
    { kind: 'file', size: 3 },
    { kind: 'symlink', size: 1 },
    undefined,
    { kind: 'directory' },
  ])
  t.equal(core.counting.count(), 0)
  core.stop()
})

t.test('only as long as a look-up would not ask', async t => {
  const core = await filled()
  await core.names('')
  await core.stat('a')
  const [known] = await knownIn(core, ['a'])
  t.ok(known && known.fresh > 0 && known.fresh <= 1000)
  await core.run(new Promise<void>(resolve => core.clock.after(1001, resolve)))
  t.same(await knownIn(core, ['a']), [undefined])
  core.stop()
})

t.test('own changes are known at once and for good', async t => {
  const core = await filled()
  await core.write('new', 'four')
  t.same(await knownIn(core, ['new']), [{ kind: 'file', size: 4, fresh: Infinity }])
  await core.rename('new', 'newer')
  t.match(await knownIn(core, ['new', 'newer']), [undefined, { size: 4 }])
  await core.unlink('newer')
  t.same(await knownIn(core, ['newer']), [undefined])
  core.stop()
})
