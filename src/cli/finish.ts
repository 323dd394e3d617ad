/** The end of the process: by itself when nothing is under way, else after a moment. */

/** Time for what was written to a pipe to get there. */
const GRACE = 2000

/** A connection or a timer that somebody forgot must not keep a finished command alive. */
export function finish(code: number): void {
  process.exitCode = code
  setTimeout(() => process.exit(), GRACE).unref()
}
