/** The conformance suite over every real Swift that the environment names. */
import t from 'tap'
import { StoreError } from '../../../src/core/errors.ts'
import { openSwiftService } from '../../../src/store/swift/open.ts'
import { storeConformance } from '../../conformance/store.ts'
import { openOptions, targets } from './targets.ts'

const found = targets()
if (found.length === 0) t.pass('no server given')

for (const { name, config } of found) {
  const container = `conf-${process.pid}-${Date.now().toString(36)}`
  const service = await openSwiftService(config, openOptions)
  await service.createBucket(container)
  await storeConformance(t, name, async () => {
    const store = await service.open(container)
    await store.probe('')
    t.comment(JSON.stringify({ features: store.features, limits: store.limits }))
    return store
  })
  await t.test(`${name}: the container goes with its segments`, async t => {
    await service.deleteBucket(container)
    const left = (await service.listBuckets()).map(bucket => bucket.name)
    t.notOk(left.some(bucket => bucket.startsWith(container)))
    await t.rejects(service.deleteBucket(container), StoreError)
    service.close()
  })
}
