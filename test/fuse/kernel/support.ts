/** When the direct link can be tested. */
import { noFuse } from '../../support/mounted.ts'

/** A reason to leave its tests out, or false. */
export function noDirect(): string | false {
  return noFuse() || (process.getuid?.() === 0 ? false : 'needs root')
}
