/** Conformance: conditions of writes, deletes, copies, metadata changes. */
import type { Group } from './support.ts'
import { ODD_NAMES, bytes, listAll, noMeta, read, rejects, settled, text } from './support.ts'

export const writes: Group = async (t, store, base) => {
  await t.test('create only', async t => {
    const key = `${base}exclusive`
    await store.put(key, bytes('first'), { meta: noMeta, ifAbsent: true })
    const again = store.put(key, bytes('second'), { meta: noMeta, ifAbsent: true })
    const outcome = await again.then(
      () => 'resolved',
      (error: { kind: string }) => error.kind,
    )
    if (store.features.createExclusive) t.equal(outcome, 'exists')
    else t.match(outcome, /^(exists|resolved)$/, 'not to be relied on')
    if (outcome === 'exists') t.equal(text(await read(store, key)), 'first')
  })

  await t.test('replace only one version', async t => {
    const key = `${base}conditional`
    const one = await store.put(key, bytes('one'), { meta: noMeta })
    const two = await store.put(key, bytes('two'), { meta: noMeta, ifMatch: one.etag })
    t.equal(text(await read(store, key)), 'two')
    const late = store.put(key, bytes('late'), { meta: noMeta, ifMatch: one.etag })
    const outcome = await late.then(
      () => 'resolved',
      (error: { kind: string }) => error.kind,
    )
    if (store.features.conditionalPut) t.equal(outcome, 'changed')
    else t.match(outcome, /^(changed|resolved)$/, 'not to be relied on')
    if (outcome === 'changed') t.equal((await store.head(key)).etag, two.etag)
    const absent = store.put(`${base}absent`, bytes('x'), { meta: noMeta, ifMatch: one.etag })
    const missing = await absent.then(
      () => 'resolved',
      (error: { kind: string }) => error.kind,
    )
    if (store.features.conditionalPut) t.match(missing, /^(changed|not-found)$/)
  })

  await t.test('delete', async t => {
    const key = `${base}delete`
    const { etag } = await store.put(key, bytes('x'), { meta: noMeta })
    await rejects(t, store.delete(key, { ifMatch: '0'.repeat(32) }), 'changed', 'another version')
    t.equal((await store.head(key)).etag, etag, 'still there')
    await store.delete(key, { ifMatch: etag })
    await rejects(t, store.head(key), 'not-found', 'gone')
    await store.delete(key)
    await store.delete(key, { ifMatch: etag })
  })

  await t.test('deleteMany', async t => {
    const keys = ODD_NAMES.map(name => `${base}gone/${name}`)
    await Promise.all(keys.map(key => store.put(key, bytes('x'), { meta: noMeta })))
    const kept = `${base}gone-not`
    await store.put(kept, bytes('x'), { meta: noMeta })
    for (let at = 0; at < keys.length + 1; at += store.features.deleteBatch) {
      const batch = [...keys, `${base}gone/never was`].slice(at, at + store.features.deleteBatch)
      t.equal((await store.deleteMany(batch)).size, 0)
    }
    const left = await settled(
      store,
      () => listAll(store, `${base}gone`),
      found => found.length === 1,
    )
    t.strictSame(
      left.map(object => object.key),
      [kept],
    )
    t.equal((await store.deleteMany([])).size, 0)
  })

  await t.test('copy', async t => {
    const from = `${base}src/ž & + %20"`
    const user = { mtime: '1.5' }
    const meta = { contentType: 'text/x-one', user }
    const source = await store.put(from, bytes('copied'), { meta })
    const to = `${base}dst/ü?`
    const same = await store.copy({ key: from, etag: source.etag, size: 6 }, to, {})
    t.equal(same.size, 6)
    const kept = await store.head(to)
    t.equal(kept.etag, same.etag)
    t.match(kept.meta, meta, 'metadata of the source')
    await store.copy({ key: from, size: 6 }, to, {
      meta: { contentType: 'text/x-two', user: { b: '2' } },
    })
    const changed = await store.head(to)
    t.equal(changed.meta.contentType, 'text/x-two')
    t.strictSame({ ...changed.meta.user }, { b: '2' }, 'nothing of the source is left')
    t.equal(text(await read(store, to)), 'copied')
    const wrong = { key: from, etag: '0'.repeat(32), size: 6 }
    await rejects(t, store.copy(wrong, `${base}no`, {}), 'changed', 'another version')
    await rejects(t, store.head(`${base}no`), 'not-found', 'nothing was copied')
    await rejects(t, store.copy({ key: `${base}none`, size: 1 }, to, {}), 'not-found', 'no source')
    await rejects(
      t,
      store.copy({ ...wrong, key: `${base}none` }, to, {}),
      ['not-found', 'changed'],
      'neither',
    )
  })

  await t.test('setMeta', async t => {
    const key = `${base}setmeta`
    const meta = { contentType: 'text/x-one', cacheControl: 'no-cache', user: { a: '1', b: '2' } }
    const stored = await store.put(key, bytes('body'), { meta })
    const changed = { ...meta, user: { b: '3', c: '4' } }
    const after = await store.setMeta({ key, etag: stored.etag, size: 4 }, { meta: changed })
    t.equal(after.size, 4)
    const head = await store.head(key)
    t.equal(head.etag, after.etag)
    t.strictSame({ ...head.meta.user }, changed.user)
    t.match(head.meta, { contentType: 'text/x-one', cacheControl: 'no-cache' })
    t.equal(text(await read(store, key)), 'body')
    const stale = { key, etag: '0'.repeat(32), size: 4 }
    await rejects(t, store.setMeta(stale, { meta }), 'changed', 'another version')
    const missing = { key: `${base}none`, size: 4 }
    await rejects(t, store.setMeta(missing, { meta }), 'not-found', 'nothing there')
  })
}
