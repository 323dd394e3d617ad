/**
 * Starting a mount in the background: the same command again with `--foreground`, in its own session, with
 * a pipe for the outcome. Returns when the mount answers or has failed.
 *
 * Secrets reach the daemon by the environment, as they reached us; its arguments are those of the user.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { READY_VARIABLE } from './ready.ts'
import type { Outcome } from './ready.ts'

/** Threads for disk work in the daemon; Node's own default of 4 lets one slow disk call hold up the others. */
const THREADS = '16'
const READY_FD = 3
/** While we wait, these end the start. */
const STOPS = ['SIGINT', 'SIGTERM'] as const
/** A log larger than this is put aside (one generation) when a mount starts. */
const MAX_LOG = 10 * 1024 * 1024
/** How much of the log is shown when the daemon ends without a word. */
const TAIL = 2000

export interface DaemonStart {
  /** The script and its arguments, as for `node`. Paths must be absolute. */
  readonly args: readonly string[]
  /** Absolute; made if missing. */
  readonly logFile: string
  readonly mountPoint: string
  readonly env?: NodeJS.ProcessEnv
}

/** Never rejects: a daemon that could not be started is an outcome too. */
export async function startDaemon(start: DaemonStart): Promise<Outcome> {
  rotate(start.logFile)
  const log = openSync(start.logFile, 'a', 0o600)
  const before = fstatSync(log).size
  try {
    const outcome = await launch(start, log)
    if (outcome === undefined) return silentEnd(start.logFile, before)
    // The first question through the kernel, asked from another process than the daemon.
    if (outcome.ready) await stat(start.mountPoint)
    return outcome
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error))
  } finally {
    closeSync(log)
  }
}

function launch(start: DaemonStart, log: number): Promise<Outcome | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, ...start.args], {
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
      env: {
        UV_THREADPOOL_SIZE: THREADS,
        ...(start.env ?? process.env),
        [READY_VARIABLE]: String(READY_FD),
      },
    })
    const pipe = child.stdio[READY_FD] as NodeJS.ReadableStream
    let text = ''
    const stop = () => child.kill('SIGTERM')
    for (const signal of STOPS) process.on(signal, stop)
    pipe.setEncoding('utf8')
    pipe.on('data', part => (text += String(part)))
    pipe.on('end', () => {
      for (const signal of STOPS) process.off(signal, stop)
      child.unref()
      resolve(text === '' ? undefined : (JSON.parse(text) as Outcome))
    })
    child.on('error', reject)
  })
}

function rotate(file: string): void {
  if (existsSync(file) && statSync(file).size > MAX_LOG) renameSync(file, `${file}.1`)
}

function silentEnd(logFile: string, from: number): Outcome {
  const tail = readTail(logFile, from)
  return failed(`the daemon ended without a word${tail === '' ? '' : `; its last lines:\n${tail}`}`)
}

function readTail(file: string, from: number): string {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const start = Math.max(from, size - TAIL)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    readSync(descriptor, buffer, 0, buffer.length, start)
    return buffer.toString('utf8').trim()
  } finally {
    closeSync(descriptor)
  }
}

function failed(message: string): Outcome {
  return { ready: false, message, exit: 1 }
}
