/** An account's containers over a real Swift: list, access lists, usage and quotas, signed addresses, credentials. */
import t from 'tap'
import { openSwiftService, openSwiftStore } from '../../../src/store/swift/open.ts'
import { bytes, noMeta, pattern, rejects } from '../../conformance/support.ts'
import { sharedSwift, whyMissing } from '../../support/servers.ts'
import { configOf, environmentOf, freshName, openOptions, resolve } from './access.ts'

const missing = await whyMissing('swift')
if (missing !== false) {
  t.pass(missing, { skip: missing })
  process.exit()
}
t.setTimeout(120_000)

const server = await sharedSwift()
const config = configOf(server)
const service = await openSwiftService(config, openOptions)
const container = freshName('service ž')
await service.createBucket(container)
const store = await openSwiftStore(config, container, openOptions)
t.teardown(() => {
  store.close()
  service.close()
})

t.test('containers', async t => {
  await rejects(t, service.createBucket(container), 'exists', 'it is there')
  await rejects(t, service.createBucket('a/b'), 'invalid', 'a slash')
  const upload = await store.createUpload('x', { meta: noMeta })
  await store.abortUpload(upload, [])
  const names = (await service.listBuckets()).map(bucket => bucket.name)
  t.ok(names.includes(container))
  t.notOk(names.includes(`${container}_segments`), 'segments are hidden')
  const open = await openSwiftService(config, { ...openOptions, showSegments: true })
  t.ok((await open.listBuckets()).some(bucket => bucket.name === `${container}_segments`))
  open.close()
  const bucket = (await service.listBuckets()).find(each => each.name === container)
  t.ok(Math.abs((bucket?.created ?? 0) - Date.now()) < 3_600_000)
  await store.put('in it', bytes('x'), { meta: noMeta })
  await rejects(t, service.deleteBucket(container), 'not-empty', 'an object in it')
  await rejects(t, service.deleteBucket('never was'), 'no-bucket', 'none')
  const none = await openSwiftStore(config, 'never was', openOptions)
  await rejects(t, none.probe(''), 'no-bucket', 'probe')
  await rejects(t, none.put('k', bytes('x'), { meta: noMeta }), 'no-bucket', 'put')
  none.close()
})

t.test('access lists', async t => {
  t.strictSame(await service.getAcl(container), [])
  const anonymous = async (): Promise<number> => (await fetch(store.url('in it'))).status
  t.equal(await anonymous(), 401)
  await service.setAcl(container, 'public-read')
  t.match(await service.getAcl(container), [{ grantee: '.r:*', permission: 'READ' }])
  t.strictSame(await store.getAcl('in it'), await service.getAcl(container))
  t.equal(await anonymous(), 200)
  await service.setAcl(container, 'private')
  t.equal(await anonymous(), 401)
  await rejects(t, service.setAcl(container, 'public-read-write'), 'unsupported', 'public write')
})

t.test('usage and quota', async t => {
  t.match(await store.usage(), { bytes: 1, objects: 1 })
  t.ok((await service.usage()).objects >= 0)
  const access = await fetch(server.swift.authUrl, {
    headers: { 'X-Auth-User': server.swift.user, 'X-Auth-Key': server.swift.key },
  })
  await fetch(store.url('').replace(/\/$/, ''), {
    method: 'POST',
    headers: {
      'X-Auth-Token': access.headers.get('x-auth-token') ?? '',
      'X-Container-Meta-Quota-Bytes': '1000',
    },
  })
  t.match(await store.usage(), { quota: 1000 })
  await rejects(t, store.put('over', pattern(2000), { meta: noMeta }), 'quota', 'over the quota')
})

t.test('a signed address is good for its time only', async t => {
  const key = 'odd ?&%ž/../x'
  await store.put(key, bytes('signed'), { meta: noMeta })
  t.equal(await (await fetch(await store.signedUrl('in it', 60_000))).text(), 'x')
  t.equal((await fetch(await store.signedUrl('in it', -10_000))).status, 401)
  t.notMatch(await store.signedUrl(key, 60_000), /temp_url_key/)
})

t.test('credentials of every kind', async t => {
  const access = await fetch(server.swift.authUrl, {
    headers: { 'X-Auth-User': server.swift.user, 'X-Auth-Key': server.swift.key },
  })
  const OS_STORAGE_URL = access.headers.get('x-storage-url') ?? ''
  const OS_AUTH_TOKEN = access.headers.get('x-auth-token') ?? ''
  const given = await openSwiftStore(
    resolve({ OS_STORAGE_URL, OS_AUTH_TOKEN }),
    container,
    openOptions,
  )
  await given.probe('')
  given.close()
  const bad = resolve({ OS_STORAGE_URL, OS_AUTH_TOKEN: 'AUTH_tkbad' })
  const refused = await openSwiftStore(bad, container, openOptions)
  await rejects(t, refused.probe(''), 'expired', 'a token that is not accepted')
  refused.close()
  const wrong = resolve({ ...environmentOf(server), ST_KEY: 'wrong' })
  await rejects(t, openSwiftStore(wrong, container, openOptions), 'denied', 'a wrong key')
})
