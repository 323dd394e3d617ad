/** Runs real programs in tests, with a time limit and without leaving any of their children behind. */
import { spawn } from 'node:child_process'

export interface ShellOptions {
  cwd?: string
  /** Added to this process's environment. */
  env?: Record<string, string>
  /** ms; then the whole process group is killed. */
  timeout?: number
  input?: string | Buffer
}

export interface ShellResult {
  /** Exit code; 128 + signal number as shells have it is not made: a signal gives -1. */
  code: number
  out: string
  err: string
}

/** What a program said and did when it failed or took too long. */
export class ShellError extends Error {
  readonly result: ShellResult
  constructor(command: string, result: ShellResult, why: string) {
    super(`${why}: ${command}\n${result.err || result.out}`)
    this.name = 'ShellError'
    this.result = result
  }
}

const DEFAULT_TIMEOUT = 60_000

/** Runs a line of bash (with -e and pipefail) and gives its output; throws ShellError when it fails. */
export async function sh(command: string, options: ShellOptions = {}): Promise<string> {
  const result = await shell(`set -eo pipefail; ${command}`, options)
  if (result.code !== 0) throw new ShellError(command, result, `exit code ${result.code}`)
  return result.out
}

/** Runs a line of bash; a code other than 0 is a result, only the time limit throws. */
export function shell(command: string, options: ShellOptions = {}): Promise<ShellResult> {
  return program('bash', ['-c', command], options)
}

/** Runs a program without a shell. */
export function program(
  file: string,
  args: readonly string[],
  options: ShellOptions = {},
): Promise<ShellResult> {
  const { timeout = DEFAULT_TIMEOUT } = options
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', ...options.env },
      // Its own group: the time limit ends its children too.
      detached: true,
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    const result = (code: number | null): ShellResult => ({
      code: code ?? -1,
      out: Buffer.concat(out).toString(),
      err: Buffer.concat(err).toString(),
    })
    const timer = setTimeout(() => {
      const line = [file, ...args].join(' ')
      reject(new ShellError(line, result(null), `no end after ${timeout} ms`))
      if (child.pid !== undefined) killGroup(child.pid)
    }, timeout)
    child.on('error', error => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', code => {
      clearTimeout(timer)
      resolve(result(code))
    })
  })
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Gone already.
  }
}
