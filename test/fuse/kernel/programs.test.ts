/** Real programs on a mount by the link that speaks the protocol itself. */
import { runPrograms } from '../programs.ts'
import { noDirect } from './support.ts'

runPrograms('direct', noDirect())
