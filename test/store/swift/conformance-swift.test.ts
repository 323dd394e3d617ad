/** The conformance suite over a real server: Swift, v1 authentication. */
import t from 'tap'
import { sharedSwift, whyMissing } from '../../support/servers.ts'
import { conformance } from './access.ts'

const missing = await whyMissing('swift')
t.setTimeout(240_000)
if (missing === false) await conformance(t, 'Swift, v1 authentication', await sharedSwift())
else t.pass(missing, { skip: missing })
