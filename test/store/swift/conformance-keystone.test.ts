/** The conformance suite over a real server: Swift with Keystone. */
import t from 'tap'
import { sharedKeystoneSwift, whyMissing } from '../../support/servers.ts'
import { conformance } from './access.ts'

const missing = await whyMissing('swift-keystone')
t.setTimeout(240_000)
if (missing === false) await conformance(t, 'Swift with Keystone', await sharedKeystoneSwift())
else t.pass(missing, { skip: missing })
