/** A mount in this very process: log, kernel link and parts, then its life. */
import { resolve } from 'node:path'
import { realClock } from '../observe/clock.ts'
import { createLog, openLogFile, writeTo } from '../observe/log.ts'
import { rememberFailures } from '../observe/recent.ts'
import { chooseLink } from './choose-link.ts'
import type { Compose } from './compose.ts'
import type { Config } from './config.ts'
import { logFileOf } from './folders.ts'
import { READY_VARIABLE } from './ready.ts'
import { runMount } from './run.ts'
import type { Ended } from './run.ts'

const STDERR = 2

/** Resolves when the mount has ended. Rejects as `runMount` does. `compose` undefined: the real one. */
export async function runForeground(
  config: Config,
  compose: Compose | undefined,
  ready: () => void,
): Promise<Ended> {
  // Started by `startDaemon`, stderr is the log file already.
  const started = process.env[READY_VARIABLE] !== undefined
  const file = config.log.file !== undefined && !started ? openLogFile(config.log.file) : undefined
  const underSystemd = process.env['JOURNAL_STREAM'] !== undefined && config.log.format === 'text'
  const log = createLog({
    level: config.log.level,
    format: underSystemd && file === undefined && !started ? 'journal' : config.log.format,
    clock: realClock,
    write: writeTo(file?.descriptor ?? STDERR),
  })
  const recent = rememberFailures(log, realClock)
  process.on('uncaughtException', error => log.error('uncaught error', { cause: error }))
  process.on('unhandledRejection', error => log.error('unhandled rejection', { cause: error }))
  keepPaths()
  // The folder we were started in must stay free to be unmounted or removed.
  process.chdir('/')
  try {
    return await runMount(config, {
      compose: compose ?? (await import('./compose.ts')).compose,
      link: chooseLink(config.kernel.fuse, { log: recent.log, clock: realClock }),
      log: recent.log,
      clock: realClock,
      ready,
      failures: path => recent.below(path),
      ...(file !== undefined || started ? { logFile: logFileOf(config) } : {}),
    })
  } catch (error) {
    log.error('no mount', { mountPoint: config.mountPoint, cause: error })
    throw error
  } finally {
    file?.close()
  }
}

/** Files that the environment names from the folder we are about to leave. */
const FILES = ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE', 'AWS_CA_BUNDLE', 'OS_CACERT']

function keepPaths(): void {
  for (const name of FILES) {
    const path = process.env[name]
    if (path) process.env[name] = resolve(path)
  }
}
