/** Conformance: single objects. Put, head, get, ranges, versions, metadata, odd keys. */
import type { ObjectMeta } from '../../src/core/types.ts'
import type { Group } from './support.ts'
import { CheckedSink, ODD_NAMES, bytes, noMeta, pattern, read, rejects, text } from './support.ts'

export const objects: Group = async (t, store, base) => {
  await t.test('probe', () => store.probe(base))

  await t.test('put, head, get', async t => {
    const key = `${base}one`
    const before = Date.now()
    const stored = await store.put(key, bytes('hello world'), { meta: noMeta })
    t.ok(stored.etag.length > 0)
    t.notMatch(stored.etag, /"/)
    t.equal(stored.size, 11)
    const head = await store.head(key)
    t.match(head, { key, size: 11, etag: stored.etag })
    t.ok(Math.abs(head.modified - before) < 3_600_000, 'modified is about now')
    const sink = new CheckedSink()
    const got = await store.get(key, {}, sink)
    t.equal(text(sink.bytes), 'hello world')
    t.match(got, { key, size: 11, etag: stored.etag })
    t.strictSame(sink.head, got)
    t.strictSame(sink.faults, [])
  })

  await t.test('a body of several pieces, and one written over', async t => {
    const key = `${base}pieces`
    const data = pattern(300_000)
    const pieces = [
      data.subarray(0, 1),
      data.subarray(1, 70_000),
      new Uint8Array(0),
      data.subarray(70_000),
    ]
    const first = await store.put(key, pieces, { meta: noMeta })
    t.strictSame(await read(store, key), data)
    const second = await store.put(key, [bytes('new')], { meta: noMeta })
    t.not(second.etag, first.etag)
    t.equal(text(await read(store, key)), 'new')
  })

  await t.test('an empty object', async t => {
    const key = `${base}empty`
    await store.put(key, [], { meta: noMeta })
    t.equal((await store.head(key)).size, 0)
    const sink = new CheckedSink()
    t.equal((await store.get(key, {}, sink)).size, 0)
    t.equal(sink.bytes.length, 0)
    t.ok(sink.head)
    await rejects(t, read(store, key, { start: 0, end: 1 }), 'range', 'a range of nothing')
  })

  await t.test('ranges', async t => {
    const key = `${base}ranges`
    const data = pattern(200_000)
    await store.put(key, data, { meta: noMeta })
    for (const [start, end] of [
      [0, 1],
      [0, 200_000],
      [1, 199_999],
      [65_536, 131_072],
      [199_999, 200_000],
      [150_000, 900_000],
    ] as const) {
      const sink = new CheckedSink(10_000)
      const head = await store.get(key, { range: { start, end } }, sink)
      t.equal(head.size, 200_000, 'size is that of the whole object')
      t.ok(Buffer.from(sink.bytes).equals(data.subarray(start, end)), `${start}-${end}`)
      t.strictSame(sink.faults, [])
    }
    await rejects(t, read(store, key, { start: 200_000, end: 200_001 }), 'range', 'at the end')
    await rejects(t, read(store, key, { start: 999_999, end: 1_000_000 }), 'range', 'far beyond')
  })

  await t.test('what is not there', async t => {
    const key = `${base}missing`
    const sink = new CheckedSink()
    await rejects(t, store.head(key), 'not-found', 'head')
    await rejects(t, store.get(key, {}, sink), 'not-found', 'get')
    await rejects(t, store.get(key, { ifMatch: 'abc' }, sink), 'not-found', 'get with a version')
    t.equal(sink.head, undefined, 'the sink hears nothing')
  })

  await t.test('get of one version', async t => {
    const key = `${base}version`
    const old = await store.put(key, bytes('old'), { meta: noMeta })
    t.equal(text(await read(store, key, undefined, { ifMatch: old.etag })), 'old')
    await store.put(key, bytes('new!'), { meta: noMeta })
    const sink = new CheckedSink()
    await rejects(t, store.get(key, { ifMatch: old.etag }, sink), 'changed', 'replaced')
    const range = { start: 0, end: 2 }
    await rejects(
      t,
      store.get(key, { ifMatch: old.etag, range }, sink),
      'changed',
      'replaced, a range',
    )
    t.equal(sink.head, undefined, 'the sink hears nothing')
  })

  await t.test('metadata', async t => {
    const key = `${base}meta`
    const meta: ObjectMeta = {
      contentType: 'text/x-pail; charset=utf-8',
      cacheControl: 'max-age=60',
      contentDisposition: 'attachment; filename="a b.txt"',
      contentLanguage: 'cs',
      user: { mode: '33188', mtime: '1700000000.123456789', 'a-b': 'x  y', empty2: '%C4%8D~' },
    }
    await store.put(key, bytes('x'), { meta })
    const { contentType, cacheControl, contentDisposition, contentLanguage, user } = (
      await store.head(key)
    ).meta
    t.strictSame(
      { contentType, cacheControl, contentDisposition, contentLanguage, user: { ...user } },
      meta,
    )
    const sink = new CheckedSink()
    t.strictSame((await store.get(key, { range: { start: 0, end: 1 } }, sink)).meta.user, meta.user)
    await store.put(key, bytes('x'), { meta: noMeta })
    t.strictSame({ ...(await store.head(key)).meta.user }, {}, 'a new version has its own metadata')
  })

  await t.test('what no header can carry is refused', async t => {
    for (const user of [
      { a: 'x\r\ny: z' },
      { a: 'č' },
      { 'a b': 'x' },
      { 'a\n': 'x' },
      { a: 'x\0' },
    ]) {
      const put = store.put(`${base}bad`, bytes('x'), { meta: { user } })
      await rejects(t, put, 'invalid', JSON.stringify(user))
    }
    const meta = { contentType: 'a/b\r\nX: y', user: {} }
    await rejects(t, store.put(`${base}bad`, bytes('x'), { meta }), 'invalid', 'content type')
  })

  await t.test('odd keys', async t => {
    for (const name of ODD_NAMES) {
      const key = `${base}odd/${name}`
      const { etag } = await store.put(key, bytes(name), { meta: { user: { n: '1' } } })
      t.equal((await store.head(key)).etag, etag, JSON.stringify(name))
      t.equal(text(await read(store, key)), name)
    }
    for (const key of [
      `/${base}lead`,
      `./${base}dot`,
      `${'k'.repeat(store.limits.maxKey - base.length)}${base}`,
    ]) {
      await store.put(key, bytes('top'), { meta: noMeta })
      t.equal(text(await read(store, key)), 'top', `${key.slice(0, 40)} from the top`)
      await store.delete(key)
    }
    await rejects(
      t,
      store.put('k'.repeat(store.limits.maxKey + 1), [], { meta: noMeta }),
      'invalid',
      'too long',
    )
    await rejects(t, store.head(''), ['invalid', 'not-found'], 'an empty name')
  })

  await t.test('signals', async t => {
    const key = `${base}one`
    const signal = AbortSignal.abort()
    await rejects(t, store.get(key, { signal }, new CheckedSink()), 'aborted', 'get')
    await rejects(t, store.head(key, signal), 'aborted', 'head')
    await rejects(t, store.put(key, bytes('x'), { meta: noMeta, signal }), 'aborted', 'put')
    await rejects(t, store.list({ prefix: base }, signal), 'aborted', 'list')
  })

  await t.test('many at the same time', async t => {
    const names = Array.from({ length: 60 }, (_, i) => `${base}many/${i}`)
    await Promise.all(names.map(key => store.put(key, bytes(key), { meta: noMeta })))
    const bodies = await Promise.all(names.map(key => read(store, key)))
    t.strictSame(bodies.map(text), names)
  })
}
