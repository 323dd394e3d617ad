/** The conformance suite over a real server: RGW. */
import t from 'tap'
import { sharedRgw, whyMissing } from '../../support/servers.ts'
import { conformance } from './access.ts'

const missing = await whyMissing('rgw')
t.setTimeout(240_000)
if (missing === false) await conformance(t, 'RGW', await sharedRgw())
else t.pass(missing, { skip: missing })
