/**
 * Large objects over a real RGW, which does not give manifests back, takes no ranges of segments, lists manifests
 * with sizes of their own and compares If-Match with something else.
 */
import t from 'tap'
import { openSwiftService, openSwiftStore } from '../../../src/store/swift/open.ts'
import { noMeta, pattern, read, rejects } from '../../conformance/support.ts'
import { sharedRgw, whyMissing } from '../../support/servers.ts'
import { configOf, freshName, openOptions } from './access.ts'

const missing = await whyMissing('rgw')
if (missing !== false) {
  t.pass(missing, { skip: missing })
  process.exit()
}
t.setTimeout(240_000)

const server = await sharedRgw()
const container = freshName('large')
const service = await openSwiftService(configOf(server), openOptions)
await service.createBucket(container)
const store = await openSwiftStore(configOf(server), container, openOptions)
const below = await service.open(`${container}_segments`)
t.teardown(() => {
  store.close()
  service.close()
})
const pieces = [pattern(300_000, 1), pattern(200_000, 2)]
const whole = Buffer.concat(pieces)
const upload = async (key: string) => {
  const started = await store.createUpload(key, { meta: noMeta })
  const parts = await Promise.all(pieces.map((piece, i) => store.uploadPart(started, i + 1, piece)))
  return store.completeUpload(started, parts, { meta: noMeta })
}
const records = async (): Promise<string[]> =>
  (await below.list({ prefix: '' })).objects.map(object => object.key)

t.test('read, list, rename, overwrite, delete', async t => {
  const { etag, size } = await upload('one')
  const range = { start: 299_990, end: 300_010 }
  t.ok(
    whole
      .subarray(range.start, range.end)
      .equals(await read(store, 'one', range, { ifMatch: etag })),
  )
  await rejects(t, read(store, 'one', range, { ifMatch: 'other' }), 'changed', 'another version')
  const [listed] = (await store.list({ prefix: 'one' })).objects
  t.match(listed, { size, etag }, 'the real size')
  await store.copy({ key: 'one', etag, size }, 'two', { meta: { user: { is: 'copy' } } })
  await store.delete('one')
  t.ok(whole.equals(await read(store, 'two')), 'renamed')
  t.strictSame({ ...(await store.head('two')).meta.user }, { is: 'copy' })
  await store.setMeta({ key: 'two', size }, { meta: { user: { is: 'changed' } } })
  t.ok(whole.equals(await read(store, 'two')), 'whole after new metadata')
  t.match((await store.list({ prefix: 'two' })).objects[0], { size, etag })
  await store.copy({ key: 'two', size }, 'three', {})
  t.equal((await store.deleteMany(['two', 'never'])).size, 0)
  t.ok(whole.equals(await read(store, 'three')))
  await store.put('three', pattern(10), { meta: noMeta })
  t.strictSame(await records(), [], 'nothing is left')
})

t.test("others' large objects are copied, and their segments left alone", async t => {
  const segment = await below.put('s/1', pattern(10), { meta: noMeta })
  const access = await fetch(server.swift.authUrl, {
    headers: { 'X-Auth-User': server.swift.user, 'X-Auth-Key': server.swift.key },
  })
  const made = await fetch(`${store.url('theirs')}?multipart-manifest=put`, {
    method: 'PUT',
    headers: { 'X-Auth-Token': access.headers.get('x-auth-token') ?? '' },
    body: JSON.stringify([
      { path: `/${container}_segments/s/1`, etag: segment.etag, size_bytes: 10 },
    ]),
  })
  t.equal(made.status, 201)
  const { etag, size } = await store.head('theirs')
  t.equal(size, 10)
  await store.copy({ key: 'theirs', etag, size }, 'renamed', { meta: { user: { a: 'b' } } })
  await store.delete('theirs')
  t.ok(Buffer.from(pattern(10)).equals(await read(store, 'renamed')))
  t.strictSame({ ...(await store.head('renamed')).meta.user }, { a: 'b' })
  await store.delete('renamed')
  await store.delete('three')
  t.strictSame(await records(), ['s/1'])
  await below.delete('s/1')
  await service.deleteBucket(container)
})
