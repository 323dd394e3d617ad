/** The contract on a real Swift, through its s3api. */
import t from 'tap'
import { sharedSwift, whyMissing } from '../../support/servers.ts'
import { s3Contract } from './contract.ts'

t.setTimeout(300_000)
const skip = await whyMissing('swift')
await t.test('Swift s3api', { skip, timeout: 300_000 }, async t =>
  s3Contract(t, await sharedSwift(), { listingCurrent: false }),
)
