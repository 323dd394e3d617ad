/**
 * Mounts for tests, always served by another process: a program must never touch its own mount.
 */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LinkOptions } from '../../src/fuse/link.ts'

/** Why no program of this project can be run as an ordinary user, as a reason for `{ skip }`; false when it can. */
export function noOrdinaryUser(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to become one'
  if (!existsSync('/etc/mtab')) return 'fusermount3 needs /etc/mtab to unmount for one'
  const nobody = ['--reuid=nobody', '--regid=nogroup', '--clear-groups']
  const script = fileURLToPath(import.meta.url)
  const found = spawnSync('setpriv', [...nobody, 'test', '-r', script])
  return found.status === 0 ? false : 'only root may enter the folder that the project is in'
}

/** A reason to leave mount tests out, or false. */
export function noFuse(): string | false {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    return false
  } catch {
    return '/dev/fuse cannot be used here'
  }
}

export function program(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

export function isMounted(folder: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${folder} `)
}

/** A folder that goes at the end, with whatever is still mounted in `m`. */
export function temporary(t: { teardown(fn: () => unknown): unknown }): string {
  const folder = mkdtempSync(join(tmpdir(), 'pailfs-test-'))
  t.teardown(() => {
    const inside = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map(line => line.split(' ')[4] ?? '')
      .filter(point => point.startsWith(`${folder}/`))
    for (const point of inside) spawnSync('fusermount3', ['-uz', point])
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Which kernel link serves it. */
export type Link = 'native' | 'direct' | 'threads'

export interface MountOptions extends Partial<LinkOptions> {
  readonly link?: Link
}

export class Mounted {
  readonly folder: string
  readonly process: ChildProcessWithoutNullStreams
  readonly exit: Promise<number | NodeJS.Signals>
  log = ''
  readonly #lines: AsyncIterator<string>

  constructor(folder: string, { link = 'native', ...options }: MountOptions = {}) {
    this.folder = folder
    this.process = spawn(process.execPath, [
      program('memory-mount.js'),
      folder,
      JSON.stringify(options),
      link,
    ])
    this.process.stderr.setEncoding('utf8').on('data', text => (this.log += String(text)))
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]()
    this.exit = new Promise(resolve =>
      this.process.on('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')),
    )
  }

  /** The next line that it says. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    return done ? `(ended) ${this.log}` : value
  }

  /** As `memory-mount.ts` has them. */
  ask(
    question:
      'calls' | 'handles' | 'inodes' | 'lookups' | 'unmount' | `${'fill' | 'replace'} ${string}`,
  ): Promise<string> {
    this.process.stdin.write(`${question}\n`)
    return this.line()
  }

  /** Operations since the last time. */
  async calls(): Promise<string[]> {
    return JSON.parse(await this.ask('calls')) as string[]
  }
}

/** A mounted `MemoryFs`, unmounted at the test's end. */
export async function mounted(
  t: { teardown(fn: () => unknown): unknown },
  folder: string,
  options: MountOptions = {},
): Promise<Mounted> {
  const mount = new Mounted(folder, options)
  t.teardown(() => {
    spawnSync('fusermount3', ['-uz', folder])
    mount.process.stdin.end()
    mount.process.kill('SIGKILL')
  })
  const first = await mount.line()
  if (first !== 'ready') throw new Error(first)
  return mount
}

export interface Result {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs a shell script in a folder; not synchronously, so that the test's own timers go on. */
export function sh(
  script: string,
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Result> {
  return new Promise(resolve => {
    const child = spawn('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', text => (out += String(text)))
    child.stderr.setEncoding('utf8').on('data', text => (err += String(text)))
    child.on('close', code => resolve({ code, out, err }))
  })
}
