/** The contract on a real Ceph RADOS Gateway. */
import t from 'tap'
import { sharedRgw, whyMissing } from '../../support/servers.ts'
import { s3Contract } from './contract.ts'

t.setTimeout(300_000)
const skip = await whyMissing('rgw')
await t.test('Ceph RGW', { skip, timeout: 300_000 }, async t =>
  s3Contract(t, await sharedRgw(), { listingCurrent: true }),
)
