/** The contract on a real server, and an account's buckets: what the tests of each server share. */
import type { Test } from 'tap'
import { openS3Bucket, openS3Service, type S3Options } from '../../../src/store/s3/open.ts'
import { storeConformance } from '../../conformance/store.ts'
import { bytes, noMeta, read, rejects, text } from '../../conformance/support.ts'
import { freshBucket, type Server } from '../../support/servers.ts'
import { ports } from './scripted-server.ts'

export async function s3Contract(
  t: Test,
  server: Server,
  expected: { readonly listingCurrent: boolean },
): Promise<void> {
  const options: S3Options = {
    endpoint: server.endpoint,
    region: server.s3.region,
    credentials: server.s3,
  }

  await storeConformance(t, 'contract', async () =>
    openS3Bucket(await freshBucket(server), options, ports),
  )

  await t.test('what a listing tells of listings', async t => {
    const store = await openS3Bucket(await freshBucket(server), options, ports)
    t.teardown(() => store.close())
    await store.probe('')
    t.match(store.features, expected)
  })

  await t.test('buckets', async t => {
    const service = await openS3Service(options, ports)
    t.teardown(() => service.close())
    const bucket = await freshBucket(server)
    const name = `${bucket}-new`
    await service.createBucket(name)
    const names = (await service.listBuckets()).map(({ name }) => name)
    t.ok(names.includes(name) && names.includes(bucket))
    await rejects(t, service.createBucket('Not_A_Bucket'), 'invalid', 'a bad name')
    const store = await service.open(name)
    await store.put('a', bytes('x'), { meta: noMeta })
    await rejects(t, service.deleteBucket(name), 'not-empty', 'not empty')
    t.equal(text(await read(store, 'a')), 'x', 'nothing was deleted')
    await store.delete('a')
    await service.deleteBucket(name)
    await rejects(t, service.deleteBucket(name), 'no-bucket', 'gone')
    await rejects(t, store.put('a', bytes('x'), { meta: noMeta }), 'no-bucket', 'no bucket')
    await rejects(t, (await service.open(name)).probe(''), 'no-bucket', 'probe')
    await service.setAcl(bucket, 'public-read')
    t.ok((await service.getAcl(bucket)).length > 0)
  })

  await t.test('a wrong region, wrong keys', async t => {
    const bucket = await freshBucket(server)
    const elsewhere = await openS3Bucket(bucket, { ...options, region: 'eu-south-9' }, ports)
    t.teardown(() => elsewhere.close())
    await elsewhere.put('a', bytes('x'), { meta: noMeta })
    t.equal((await elsewhere.head('a')).size, 1)
    const credentials = { ...server.s3, secretAccessKey: 'wrong' }
    const stranger = await openS3Bucket(bucket, { ...options, credentials }, ports)
    t.teardown(() => stranger.close())
    await rejects(t, stranger.probe(''), 'denied', 'probe')
    await rejects(t, stranger.head('a'), 'denied', 'head')
    const error: unknown = await stranger.head('a').catch((thrown: unknown) => thrown)
    t.match(error, { details: { status: 403 } })
  })
}
