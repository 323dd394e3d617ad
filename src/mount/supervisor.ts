/**
 * Keeps a mount alive: a small process that starts the daemon, and starts it again when it dies of a signal that
 * nobody meant (a crash, the system's memory killer, kill -9). The new daemon takes over the dead mount point and
 * goes on from the journal.
 *
 * It ends with the daemon's exit code when that ends in order. It gives up when the daemon dies again and again,
 * and then takes the dead mount away. While the bucket cannot be reached it goes on trying; until then the mount
 * point stays as it died (ENOTCONN), so that nothing is written into the directory below by mistake.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, writeSync } from 'node:fs'
import type { Clock, Log } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import { clearDeadMount } from './checks.ts'
import { READY_VARIABLE } from './ready.ts'
import type { Outcome } from './ready.ts'

export interface Supervision {
  /** The daemon's script and arguments, as for `node`. */
  readonly args: readonly string[]
  readonly mountPoint: string
  readonly log: Log
  readonly clock: Clock
  /** Exit codes of a start that may succeed later: the bucket cannot be reached. */
  readonly passing: readonly number[]
}

/** So many deaths, or starts that fail for good, within `WINDOW` end it. */
const MOST_DEATHS = 8
const WINDOW: Milliseconds = 600_000
const LONGEST_PAUSE: Milliseconds = 60_000
const LONGEST_PAUSE_BETWEEN_DEATHS: Milliseconds = 3000
const READY_FD = 3
/** Meant for the daemon. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

interface Run {
  readonly outcome: Outcome | undefined
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

function ignore(): void {}

/** Resolves with the exit code, when the mount has ended for good. */
export async function supervise(supervision: Supervision): Promise<number> {
  const supervisor = new Supervisor(supervision)
  const onSignal = (signal: NodeJS.Signals) => supervisor.told(signal)
  for (const signal of SIGNALS) process.on(signal, onSignal)
  process.on('SIGHUP', ignore)
  try {
    return await supervisor.run()
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal)
    process.off('SIGHUP', ignore)
  }
}

class Supervisor {
  readonly #parts: Supervision
  readonly #deaths: Milliseconds[] = []
  /** Where the user was: relative paths in the arguments are from there. */
  readonly #cwd: string
  #child: ChildProcess | undefined
  #ended = false
  #wake: () => void = () => {}
  /** Starts in a row that did not become a mount. */
  #failures = 0

  constructor(parts: Supervision) {
    this.#parts = parts
    this.#cwd = process.cwd()
    // That folder must stay free to be unmounted or removed.
    process.chdir('/')
  }

  told(signal: NodeJS.Signals): void {
    this.#ended = true
    this.#child?.kill(signal)
    this.#wake()
  }

  async run(): Promise<number> {
    const { log, mountPoint, passing } = this.#parts
    const parent = parentPipe()
    for (let first = true; ; first = false) {
      const { outcome, code, signal } = await this.#start(first ? parent : undefined)
      const died = signal !== null || (code ?? 0) >= 128
      if (this.#ended || (first && !outcome?.ready)) return code ?? 1
      if (outcome?.ready && !died) return code ?? 1
      this.#failures = outcome?.ready ? 0 : this.#failures + 1
      const again = !died && passing.includes(code ?? 1)
      if (!again && this.#tooOften()) {
        log.error('the daemon died too often: given up', {
          mountPoint,
          code,
          signal,
          deaths: this.#deaths.length,
          hint: 'why is above; nothing is lost: mount it again, or send what is left with pailfs recover',
        })
        await clearDeadMount(mountPoint)
        return code ?? 1
      }
      const pause = this.#failures === 0 ? this.#afterDeath() : this.#afterFailure()
      log.error(again ? 'not mounted again yet' : 'the daemon died; it is started again', {
        mountPoint,
        code,
        signal,
        pause,
      })
      await this.#sleep(pause)
      if (this.#ended) {
        await clearDeadMount(mountPoint)
        return 0
      }
    }
  }

  /** None after the first death, since programs wait; more when it goes on. */
  #afterDeath(): Milliseconds {
    const deaths = this.#deaths.length
    return deaths < 2 ? 0 : Math.min(LONGEST_PAUSE_BETWEEN_DEATHS, 200 * 2 ** (deaths - 2))
  }

  #afterFailure(): Milliseconds {
    return Math.min(LONGEST_PAUSE, 500 * 2 ** this.#failures)
  }

  #tooOften(): boolean {
    const now = this.#parts.clock.now()
    this.#deaths.push(now)
    while (this.#deaths[0]! < now - WINDOW) this.#deaths.shift()
    return this.#deaths.length > MOST_DEATHS
  }

  #sleep(pause: Milliseconds): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#parts.clock.after(pause, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  /** One life of the daemon; what it says when it is ready goes on to `parent`. */
  #start(parent: number | undefined): Promise<Run> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [...process.execArgv, ...this.#parts.args], {
        cwd: this.#cwd,
        stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
        env: { ...process.env, [READY_VARIABLE]: String(READY_FD) },
      })
      this.#child = child
      const pipe = child.stdio[READY_FD] as NodeJS.ReadableStream
      let said = ''
      pipe.setEncoding('utf8')
      pipe.on('data', (part: string) => (said += part))
      pipe.on('end', () => {
        if (parent !== undefined) passOn(parent, said)
      })
      child.on('error', reject)
      child.on('close', (code, signal) => {
        this.#child = undefined
        resolve({ outcome: parse(said), code, signal })
      })
    })
  }
}

/** The pipe of the command that started us, which the daemons do not get. */
function parentPipe(): number | undefined {
  const text = process.env[READY_VARIABLE]
  delete process.env[READY_VARIABLE]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

function passOn(parent: number, said: string): void {
  try {
    writeSync(parent, said)
    closeSync(parent)
  } catch {
    // The parent has gone; the mount lives on.
  }
}

function parse(said: string): Outcome | undefined {
  return said === '' ? undefined : (JSON.parse(said) as Outcome)
}
