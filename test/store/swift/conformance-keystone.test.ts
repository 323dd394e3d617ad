/** The conformance suite over a real Swift with Keystone, and every kind of its credentials. */
import t from 'tap'
import { sharedKeystoneSwift, whyMissing } from '../../support/servers.ts'
import { conformance } from './access.ts'
import { keystoneKinds } from './keystone.ts'

const missing = await whyMissing('swift-keystone')
t.setTimeout(240_000)
if (missing === false) {
  const server = await sharedKeystoneSwift()
  await t.test('credentials', t => keystoneKinds(t, server))
  await conformance(t, 'Swift with Keystone', server)
} else t.pass(missing, { skip: missing })
