/** The rules of every kernel link, for the one that speaks the protocol itself. */
import { runRules } from '../rule.ts'
import '../rules.ts'
import { noDirect } from './support.ts'

runRules('direct', noDirect())
