/** The supervisor's process: its log, and the mount whose daemon it keeps alive. */
import { realClock } from '../observe/clock.ts'
import { createLog, openLogFile, writeTo } from '../observe/log.ts'
import type { Config } from './config.ts'
import { READY_VARIABLE } from './ready.ts'
import { supervise } from './supervisor.ts'
import type { Supervision } from './supervisor.ts'

const STDERR = 2

/** Resolves with the exit code when the mount has ended for good. */
export async function superviseMount(
  { log: { level, format, file }, mountPoint }: Config,
  parts: Pick<Supervision, 'args' | 'passing'>,
): Promise<number> {
  // Started by `startDaemon`, stderr is the log file already.
  const started = process.env[READY_VARIABLE] !== undefined
  const own = file !== undefined && !started ? openLogFile(file) : undefined
  const write = writeTo(own?.descriptor ?? STDERR)
  const log = createLog({ level, format, clock: realClock, write })
  try {
    return await supervise({ ...parts, mountPoint, log, clock: realClock })
  } finally {
    own?.close()
  }
}
