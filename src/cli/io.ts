/** What a command is given of the world, so that tests can run it without a process of its own. */
import type { Compose } from '../mount/compose.ts'

export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
  /** The script that node runs, for starting a daemon. */
  readonly script: string
  /** Builds what lies below a mount; undefined: the real thing. */
  readonly compose?: Compose
}

export const processIo: Io = {
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
  env: process.env,
  script: process.argv[1] ?? '',
}
