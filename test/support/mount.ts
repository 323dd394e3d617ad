/**
 * A bucket mounted by the real command in a process of its own, for tests from outside.
 *
 * The test's process may use the mount with asynchronous fs calls and programs (shell.ts). Every mount
 * is ended with its test; one that could not be is recorded on disk and ended by the next run.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { access, constants, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { awsEnvironment, PROJECT, runDirectory, type Server } from './servers.ts'
import { program, sh, type ShellOptions, type ShellResult } from './shell.ts'

export interface MountOptions {
  server: Server
  bucket: string
  /** Instead of s3://BUCKET, such as `swift:`; its credentials come with `env`. */
  source?: string
  /** Mounts only the keys below. */
  prefix?: string
  /** Instead of the server's own, such as a proxy's. */
  endpoint?: string
  /** More options of `pailfs mount`, such as `--write-back=0`. */
  args?: readonly string[]
  env?: Record<string, string>
  /** The folder of an earlier mount, `mount.work`: its journal and mount point are used again. */
  work?: string
}

/** What a test has of tap. */
export interface TestScope {
  teardown(end: () => unknown): void
}

export interface Mount {
  /** The mount point. */
  dir: string
  /** The daemon's. */
  pid: number
  /** Holds mount point, state and log. */
  work: string
  /** Resolves when the daemon has ended, with its exit code, or -1 for a signal. */
  ended: Promise<number>
  /** The daemon's log so far, of all mounts in this folder. */
  log(): Promise<string>
  /** Ends it as a user would with SIGTERM: drains, unmounts. Gives the exit code. */
  stop(): Promise<number>
  /** Kills the daemon at once, then removes the dead mount unless `leave` is set. */
  kill9(options?: { leave?: boolean }): Promise<void>
  /** Runs a line of bash in the mount. */
  sh(command: string, options?: ShellOptions): Promise<string>
  /** Runs `pailfs` with these words in the mount's environment. */
  pailfs(...words: string[]): Promise<ShellResult>
}

const READY_MS = 60_000
const STOP_MS = 60_000
const PAILFS = join(PROJECT, 'bin', 'pailfs.js')
const MOUNTS = join(PROJECT, 'test', 'support', 'servers', 'mounts.py')
const READY_FD = 3

/** Why nothing can be mounted here, as a reason for `{ skip }` of a test; false when it can. */
export async function whyNoFuse(): Promise<string | false> {
  try {
    await access('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return 'no access to /dev/fuse'
  }
  const found = await program('sh', ['-c', 'command -v fusermount3'])
  return found.code === 0 ? false : 'fusermount3 is not installed (apt-get install fuse3)'
}

let swept: Promise<unknown> | undefined

/** Mounts s3://BUCKET[/PREFIX]; rejects with the daemon's own words when it can't. */
export async function mountBucket(t: TestScope, options: MountOptions): Promise<Mount> {
  swept ??= program('/usr/bin/python3', [MOUNTS, 'sweep', runDirectory()])
  await swept
  const work = options.work ?? (await mkdtemp(join(tmpdir(), 'pailfs-m-')))
  const dir = join(work, 'mnt')
  for (const folder of [dir, join(work, 'run'), join(work, 'home')]) {
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch(ignoreDeadMount)
  }
  const env = environment(options, work)
  const bucket = `s3://${options.bucket}${options.prefix ? `/${options.prefix}` : ''}`
  const source = options.source ?? bucket
  const style = source.startsWith('s3:') ? ['--path-style'] : []
  const logFile = join(work, 'log')
  const log = openSync(logFile, 'a')
  const child = spawn(
    process.execPath,
    [PAILFS, 'mount', source, dir, '--foreground', ...style, ...(options.args ?? [])],
    { env, cwd: '/', stdio: ['ignore', log, log, 'pipe'] },
  )
  closeSync(log)
  const ended = new Promise<number>(resolve => {
    child.on('error', () => resolve(-1))
    child.on('exit', code => resolve(code ?? -1))
  })
  const record = await recordMount(child, dir)
  const mount = makeMount({ child, dir, work, ended, logFile, env })
  const end = async (): Promise<void> => {
    await mount.stop()
    await clear(dir)
    await rm(record, { force: true })
    if (!options.work) await rm(work, { recursive: true, force: true })
  }
  t.teardown(end)
  killAtExit(child)
  const failure = await whyNotReady(child, ended)
  if (failure !== undefined) {
    throw new Error(`the mount failed: ${failure}\n${await readFile(logFile, 'utf8')}`)
  }
  return mount
}

interface Parts {
  child: ChildProcess
  dir: string
  work: string
  ended: Promise<number>
  logFile: string
  env: Record<string, string>
}

function makeMount({ child, dir, work, ended, logFile, env }: Parts): Mount {
  return {
    dir,
    work,
    ended,
    pid: child.pid ?? 0,
    log: () => readFile(logFile, 'utf8'),
    async stop() {
      if (isRunning(child)) child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      const code = await ended
      clearTimeout(timer)
      return code
    },
    async kill9({ leave = false } = {}) {
      if (isRunning(child)) child.kill('SIGKILL')
      await ended
      if (!leave) await clear(dir)
    },
    sh: (command, options) => sh(command, { cwd: dir, ...options }),
    pailfs: (...words) => program(process.execPath, [PAILFS, ...words], { env }),
  }
}

/** Nothing of the user's own configuration reaches the daemon, nothing of the daemon's the user. */
function environment(options: MountOptions, work: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: join(work, 'home'),
    XDG_STATE_HOME: join(work, 'state'),
    XDG_RUNTIME_DIR: join(work, 'run'),
    XDG_CACHE_HOME: join(work, 'cache'),
    _PAILFS_READY_FD: String(READY_FD),
    UV_THREADPOOL_SIZE: '16',
    ...awsEnvironment(options.server, options.endpoint),
    ...options.env,
  }
}

/** The daemon writes one line of JSON to the descriptor in this variable (src/mount/ready.ts). */
async function whyNotReady(
  child: ChildProcess,
  ended: Promise<number>,
): Promise<string | undefined> {
  const pipe = child.stdio[READY_FD] as Readable
  const line = new Promise<string>(resolve => {
    let text = ''
    pipe.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text)
    })
  })
  const late = sleepUnref(READY_MS, `not ready after ${READY_MS} ms`)
  const said = await Promise.race([line, ended.then(code => `ended with code ${code}`), late])
  if (!said.startsWith('{')) return said
  const outcome = JSON.parse(said) as { ready: boolean; message?: string }
  return outcome.ready ? undefined : (outcome.message ?? said)
}

const running = new Set<ChildProcess>()

/** No daemon outlives its test's process. */
function killAtExit(child: ChildProcess): void {
  if (running.size === 0) process.once('exit', killAll)
  running.add(child)
  child.once('exit', () => {
    running.delete(child)
    if (running.size === 0) process.off('exit', killAll)
  })
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

function sleepUnref(ms: number, result: string): Promise<string> {
  return new Promise(resolve => setTimeout(resolve, ms, result).unref())
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** Unmounts what is still there, in any state. */
async function clear(dir: string): Promise<void> {
  if (!readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${dir} `)) return
  const done = await program('/usr/bin/python3', [MOUNTS, 'clear', dir])
  if (done.code !== 0) throw new Error(done.err)
}

/** For the sweep: who is mounted where, and for whom. */
async function recordMount(child: ChildProcess, dir: string): Promise<string> {
  const folder = join(runDirectory(), 'mounts')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const pid = child.pid ?? 0
  const path = join(folder, `${pid}.json`)
  const [started, ownerStarted] = [startTime(pid), startTime(process.pid)]
  await writeFile(path, JSON.stringify({ dir, pid, started, owner: process.pid, ownerStarted }))
  return path
}

/** Clock ticks after boot (proc(5), stat, field 22); 0 when it has gone. */
function startTime(pid: number): number {
  if (!existsSync(`/proc/${pid}/stat`)) return 0
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19])
}

/** A mount point whose daemon was killed can't even be looked at; the next mount has to clear it. */
function ignoreDeadMount(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTCONN' && error.code !== 'EEXIST') throw error
}
