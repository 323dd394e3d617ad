/** Conformance: large objects in parts. */
import type { Part } from '../../src/store/store.ts'
import type { Group } from './support.ts'
import { noMeta, pattern, read, rejects } from './support.ts'

export const uploads: Group = async (t, store, base) => {
  const size = store.limits.minPart
  const meta = { contentType: 'text/x-big', user: { mtime: '5', 'x-y': 'z' } }
  const first = pattern(size, 1)
  const second = pattern(1000, 2)
  const whole = Buffer.concat([first, second])

  await t.test('parts make an object', async t => {
    const key = `${base}big/ž + a`
    const upload = await store.createUpload(key, { meta })
    t.equal(upload.key, key)
    t.ok((await store.listUploads(base)).some(({ key: k, id }) => k === key && id === upload.id))
    const [b, a] = await Promise.all([
      store.uploadPart(upload, 2, [second.subarray(0, 10), second.subarray(10)]),
      store.uploadPart(upload, 1, first),
    ])
    t.match(
      [a, b],
      [
        { number: 1, size },
        { number: 2, size: 1000 },
      ],
    )
    const listed = await store.listParts(upload)
    t.strictSame(
      listed.map(part => [part.number, part.size, part.etag]),
      [a, b].map(part => [part.number, part.size, part.etag]),
    )
    await rejects(t, store.head(key), 'not-found', 'not visible before it is complete')
    const stored = await store.completeUpload(upload, [a, b], { meta })
    t.equal(stored.size, whole.length)
    const head = await store.head(key)
    t.equal(head.etag, stored.etag)
    t.ok(head.etag.length > 0)
    t.equal(head.size, whole.length)
    t.equal(head.meta.contentType, 'text/x-big')
    t.strictSame({ ...head.meta.user }, meta.user)
    t.ok(whole.equals(await read(store, key, undefined, { ifMatch: stored.etag })), 'bytes')
    const range = { start: size - 10, end: size + 10 }
    t.ok(
      whole.subarray(range.start, range.end).equals(await read(store, key, range)),
      'over the seam',
    )
    t.notOk(
      (await store.listUploads(base)).some(({ id }) => id === upload.id),
      'no longer unfinished',
    )
    const same = await store.listUploads(`${base}other`)
    t.strictSame(same, [])
  })

  await t.test('a part sent again replaces the one before', async t => {
    const key = `${base}again`
    const upload = await store.createUpload(key, { meta: noMeta })
    await store.uploadPart(upload, 1, pattern(500, 9))
    const part = await store.uploadPart(upload, 1, second)
    await store.completeUpload(upload, [part], { meta: noMeta })
    t.ok(Buffer.from(second).equals(await read(store, key)))
  })

  await t.test('ranges of stored objects as parts', async t => {
    if (!store.features.partCopy) return
    const from = `${base}source %`
    const body = Buffer.concat([first, first.subarray(0, 100)])
    const source = await store.put(from, body, { meta: noMeta })
    const upload = await store.createUpload(`${base}patched`, { meta: noMeta })
    const copied = { key: from, etag: source.etag, size: body.length }
    const parts: Part[] = [
      await store.copyPart(upload, 1, copied, { start: 50, end: 50 + size }),
      await store.uploadPart(upload, 2, second),
    ]
    t.equal(parts[0]?.size, size)
    const stale = { ...copied, etag: '0'.repeat(32) }
    await rejects(
      t,
      store.copyPart(upload, 3, stale, { start: 0, end: size }),
      'changed',
      'another version',
    )
    const missing = { ...copied, key: `${base}none` }
    await rejects(
      t,
      store.copyPart(upload, 3, missing, { start: 0, end: size }),
      ['not-found', 'changed'],
      'no source',
    )
    await store.completeUpload(upload, parts, { meta: noMeta })
    const wanted = Buffer.concat([body.subarray(50, 50 + size), second])
    t.ok(wanted.equals(await read(store, `${base}patched`)))
  })

  await t.test('abort', async t => {
    const key = `${base}aborted`
    const upload = await store.createUpload(key, { meta: noMeta })
    const part = await store.uploadPart(upload, 1, second)
    await store.abortUpload(upload, [part])
    await rejects(t, store.head(key), 'not-found', 'no object')
    await rejects(t, store.listParts(upload), 'not-found', 'no upload')
    await store.abortUpload(upload, [part])
    t.notOk((await store.listUploads(base)).some(({ id }) => id === upload.id))
  })

  await t.test('copy and setMeta of an object made of parts', async t => {
    const key = `${base}big/ž + a`
    const source = await store.head(key)
    const to = `${base}big-copy`
    await store.copy({ key, etag: source.etag, size: source.size }, to, {})
    const copy = await store.head(to)
    t.strictSame([copy.size, { ...copy.meta.user }], [source.size, meta.user])
    const after = await store.setMeta(
      { key: to, etag: copy.etag, size: copy.size },
      { meta: { contentType: 'a/b', user: { n: '1' } } },
    )
    const head = await store.head(to)
    t.equal(head.etag, after.etag)
    t.strictSame([head.size, { ...head.meta.user }], [source.size, { n: '1' }])
    t.ok(whole.equals(await read(store, to)))
    await store.delete(to)
    await rejects(t, store.head(to), 'not-found', 'deleted')
    t.ok(whole.equals(await read(store, key)), 'the source is whole')
  })
}
