/** The contract of Journal and Stage, on the real journal and on the simulated one. */
import t from 'tap'
import { byKey, contents, fileRecord, inMemory, makers, onDisk } from './subjects.ts'

const base = { key: 'b', etag: 'e', size: 10 }
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (array: Uint8Array) => new TextDecoder().decode(array)

for (const make of makers) {
  t.test(make.name, async t => {
    t.test('records are there after a restart, whole and as they were', async t => {
      const subject = await make()
      const long = 'x'.repeat(1024)
      const odd = [
        '',
        '\0',
        'a\0b',
        long,
        `${long}${long}`,
        'é/ü',
        '\ud800',
        '\ud801',
        '__proto__x',
      ]
      subject.journal.commit({ put: odd.map(key => fileRecord(key)), remove: [] })
      subject.journal.commit({
        put: [fileRecord('a', 's1'), fileRecord('b')],
        remove: ['not there'],
      })
      subject.journal.commit({ put: [fileRecord('a', 's2')], remove: ['b'] })
      const expected = byKey([...odd.map(key => fileRecord(key)), fileRecord('a', 's2')])
      t.strictSame(byKey(subject.journal.records()), expected)
      await subject.restart()
      t.strictSame(byKey(subject.journal.records()), expected)
      subject.journal.commit({ put: [], remove: odd })
      await subject.restart()
      t.strictSame(byKey(subject.journal.records()), { a: fileRecord('a', 's2') })
      await subject.end()
    })

    t.test('a stage without a base', async t => {
      const subject = await make()
      const stage = subject.journal.createStage()
      t.strictSame([stage.size, stage.baseLimit, stage.own, stage.base], [0, 0, [], undefined])
      await stage.write(bytes('hello'), 0)
      await stage.write(bytes('world'), 7)
      t.equal(stage.size, 12)
      t.equal(stage.revision, 2)
      t.strictSame(stage.own, [])
      await stage.truncate(9)
      await stage.truncate(11)
      t.equal(stage.revision, 4)
      await stage.fill(bytes('nothing'), 0)
      t.equal(stage.revision, 4)
      await subject.restart()
      t.strictSame(subject.journal.stages(), [stage.id])
      t.equal(text(await contents(subject.journal, stage.id)), 'hello\0\0wo\0\0')
      await subject.end()
    })

    t.test('a stage over a base', async t => {
      const subject = await make()
      const stage = subject.journal.createStage(base)
      t.strictSame([stage.size, stage.baseLimit, stage.own, stage.base], [10, 10, [], base])
      await stage.write(bytes('AB'), 3)
      await stage.fill(bytes('cdefg'), 2)
      t.equal(stage.revision, 1)
      t.strictSame(stage.own, [{ start: 2, end: 7 }])
      const shown = () => contents(subject.journal, stage.id, bytes('abcdefghij'))
      t.equal(text(await shown()), 'abcABfghij')
      await subject.restart()
      t.equal(text(await shown()), 'abcABfghij')
      const again = subject.journal.openStage(stage.id)
      t.strictSame(again.own, [{ start: 2, end: 7 }])
      await again.truncate(8)
      await again.truncate(10)
      t.strictSame([again.baseLimit, again.size], [8, 10])
      await again.write(bytes('XY'), 9)
      t.equal(text(await shown()), 'abcABfgh\0XY')
      const other = { key: 'c', etag: 'f', size: 11 }
      again.rebase(other)
      const { revision } = again
      t.strictSame([again.base, again.baseLimit, revision], [other, 8, 3])
      await subject.restart()
      const last = subject.journal.openStage(stage.id)
      t.strictSame([last.base, last.baseLimit, last.own], [other, 8, [{ start: 2, end: 7 }]])
      t.equal(text(await shown()), 'abcABfgh\0XY')
      await subject.end()
    })

    t.test('what the base had and nobody has any more', async t => {
      const subject = await make()
      const stage = subject.journal.createStage(base)
      await stage.write(bytes('AB'), 3)
      stage.forgo({ start: 0, end: 12 })
      t.strictSame([stage.own, stage.revision, stage.size], [[{ start: 0, end: 10 }], 1, 10])
      await subject.restart()
      t.strictSame(subject.journal.openStage(stage.id).own, [{ start: 0, end: 10 }])
      const shown = await contents(subject.journal, stage.id, bytes('abcdefghij'))
      t.equal(text(shown), '\0\0\0AB\0\0\0\0\0')
      await subject.end()
    })

    t.test('rebase of a stage that had no base', async t => {
      const subject = await make()
      const stage = subject.journal.createStage()
      await stage.write(bytes('abc'), 0)
      stage.rebase({ key: 'k', etag: 'v', size: 3 })
      await stage.write(bytes('Z'), 1)
      await subject.restart()
      const again = subject.journal.openStage(stage.id)
      t.strictSame([again.base?.etag, again.baseLimit, again.own], ['v', 0, []])
      t.equal(text(await contents(subject.journal, stage.id)), 'aZc')
      await subject.end()
    })

    t.test('stages are shared, closed by the last user, and removed', async t => {
      const subject = await make()
      const one = subject.journal.createStage()
      const two = subject.journal.openStage(one.id)
      t.equal(one, two)
      one.close()
      await two.write(bytes('x'), 0)
      two.close()
      t.rejects(two.write(bytes('y'), 0), { message: /^EIO/ })
      t.equal(subject.journal.openStage(one.id).size, 1)
      await subject.journal.sync()
      subject.journal.removeStage(one.id)
      t.strictSame(subject.journal.stages(), [])
      t.equal(subject.journal.staged, 0)
      t.throws(() => subject.journal.openStage(one.id), { message: /^EIO/ })
      await subject.restart()
      t.strictSame(subject.journal.stages(), [])
      await subject.end()
    })

    t.test('a read beyond the end, and sync in every state', async t => {
      const subject = await make()
      await subject.journal.sync()
      const stage = subject.journal.createStage()
      await stage.write(bytes('abc'), 0)
      const into = new Uint8Array(8).fill(7)
      t.equal(await stage.read(into, 1), 2)
      t.equal(await stage.read(into, 3), 0)
      await Promise.all([subject.journal.sync(), stage.sync(), subject.journal.sync()])
      stage.close()
      await subject.journal.sync()
      t.type(subject.journal.openStage(stage.id).modified(), 'number')
      await subject.end()
      await t.rejects(subject.journal.sync(), { message: /^EIO/ })
      t.throws(() => subject.journal.commit({ put: [], remove: ['x'] }), { message: /^EIO/ })
    })
  })
}

for (const make of [onDisk, inMemory]) {
  t.test(`the staging limit, ${make.name}`, async t => {
    const subject = await make({ stagingLimit: 1 << 20 })
    const stage = subject.journal.createStage()
    const other = subject.journal.createStage({ key: 'k', etag: 'e', size: 1 << 30 })
    const half = new Uint8Array(512 << 10).fill(1)
    await stage.write(half, 0)
    await other.write(half.subarray(8192), 1 << 20)
    await t.rejects(other.write(half, 0), { message: /^ENOSPC/ })
    t.strictSame(other.own, [{ start: 1 << 20, end: (1 << 20) + half.length - 8192 }])
    t.ok(subject.journal.staged <= 1 << 20)
    t.ok(subject.journal.staged >= 1000 << 10, String(subject.journal.staged))
    await stage.truncate(0)
    await other.write(half.subarray(8192), 0)
    subject.journal.removeStage(other.id)
    await stage.write(half, 0)
    t.ok(subject.journal.staged < 600 << 10)
    await subject.end()
  })
}
