/**
 * One user a journal: a lock made of files, since Node has no flock.
 *
 * The lock is a row of files `lock.N`, of which the highest N counts. It says who holds the journal: host, boot,
 * process and when that process started; or nobody. To take it is to make `lock.N+1`, whole from its first
 * moment (a link of a finished file), which only one can; then to see that no higher one has come meanwhile,
 * since who holds a higher one deletes the others. To leave is to empty it.
 *
 * A holder is gone if this kernel has booted since, or no process with that number and that start time is
 * there. In another container, where its processes can't be seen, it is asked: each holder listens on a socket
 * beside the lock, which the kernel closes with it. Of another host it can't be told: then the
 * lock holds and the message says what to delete.
 */
import {
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { FsError } from '../core/errors.ts'
import { diskError } from './disk-error.ts'

/** Who holds a lock. */
export interface Holder {
  readonly pid: number
  /** In clock ticks since the boot: /proc/PID/stat, field 22. */
  readonly started: string
  readonly boot: string
  readonly host: string
  /** The space that process numbers are in: /proc/self/ns/pid. */
  readonly space: string
  /** The file name of its socket; absent if it could make none. */
  readonly socket?: string
}

/** What the lock needs to know of the system; a test says otherwise. */
export interface Processes {
  readonly self: Holder
  /** When the process started, or undefined if it is not there. */
  started(pid: number): string | undefined
}

/** The system's own boot id; empty where /proc does not say. */
export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The name, field 2, is in parentheses and may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended; only its parent does not know yet.
  return fields === undefined || /^[ZX]/.test(fields[0] ?? '') ? undefined : fields[19]
}

export function systemProcesses(): Processes {
  let space = ''
  try {
    space = readlinkSync('/proc/self/ns/pid')
  } catch {
    // Without /proc every holder counts as alive.
  }
  const { pid } = process
  return {
    self: { pid, started: startOf(pid) ?? '', boot: bootId(), host: hostname(), space },
    started: startOf,
  }
}

export interface Lock {
  release(): void
}

/** Takes the lock of the folder. Rejects with FsError EBUSY, with who holds it and what to do, or EIO. */
export async function takeLock(
  folder: string,
  processes: Processes = systemProcesses(),
): Promise<Lock> {
  const name = `locking.${randomBytes(6).toString('hex')}`
  const own = join(folder, name)
  const server = await listen(folder, `${name}.sock`)
  try {
    const holder = { ...processes.self, ...(server && { socket: `${name}.sock` }) }
    writeFileSync(own, `${JSON.stringify(holder)}\n`, { mode: 0o600 })
    try {
      let path
      while (path === undefined) path = await tryLock(folder, own, processes)
      const taken = path
      return { release: () => leave(taken, server) }
    } finally {
      unlinkSync(own)
    }
  } catch (error) {
    server?.close()
    throw diskError(error, `locking the journal in ${folder}`)
  }
}

/** The path of the lock taken; undefined if somebody was quicker, so that all is to be looked at again. */
async function tryLock(
  folder: string,
  own: string,
  processes: Processes,
): Promise<string | undefined> {
  const highest = generations(folder).at(-1)
  if (highest !== undefined) await refuseIfHeld(folder, `lock.${highest}`, processes)
  const number = (highest ?? 0) + 1
  const path = join(folder, `lock.${number}`)
  try {
    linkSync(own, path)
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return undefined
    throw error
  }
  const all = generations(folder)
  if (all.at(-1) !== number) {
    unlinkSync(path)
    return undefined
  }
  for (const old of all) {
    if (old >= number) continue
    const socket = parse(read(join(folder, `lock.${old}`)) ?? '')?.socket
    if (socket !== undefined && basename(socket) === socket) remove(join(folder, socket))
    remove(join(folder, `lock.${old}`))
  }
  return path
}

async function refuseIfHeld(folder: string, name: string, processes: Processes): Promise<void> {
  const path = join(folder, name)
  const holder = parse(read(path) ?? '')
  const { self } = processes
  if (holder === undefined) return
  const who = `process ${holder.pid} on ${holder.host}`
  if (holder.boot !== self.boot || self.boot === '') {
    if (holder.host === self.host && self.boot !== '') return
    throw new FsError(
      'EBUSY',
      `the journal is in use by ${who}, which may be another host. If you are sure that it no longer runs, delete ${path}`,
    )
  }
  const here = holder.space === self.space
  if (here && processes.started(holder.pid) !== holder.started) return
  if (!here && !(await answers(folder, holder.socket))) return
  throw new FsError(
    'EBUSY',
    `the journal is in use by ${who}${here ? '' : ', in another container'}: ` +
      'another pailfs has this bucket mounted. Unmount that one, or use another --state-dir',
  )
}

/** Calls `use` with the path of a name in the folder that is short enough for a socket's address (108 bytes). */
async function shortly<T>(
  folder: string,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const fd = openSync(folder, 'r')
  try {
    return await use(`/proc/self/fd/${fd}/${name}`)
  } finally {
    closeSync(fd)
  }
}

/** A socket that shows that this process is there; undefined where that can't be had. */
function listen(folder: string, name: string): Promise<Server | undefined> {
  const server = createServer(socket => socket.destroy())
  server.unref()
  const listening = (path: string) =>
    new Promise<Server | undefined>(resolve => {
      server.once('error', () => resolve(undefined))
      server.listen(path, () => resolve(server))
    })
  return shortly(folder, name, listening).then(
    made => {
      // Node would delete the file under the short name, which is gone by then.
      made?.on('close', () => remove(join(folder, name)))
      return made
    },
    () => undefined,
  )
}

/** Whether somebody listens there. A holder without a socket counts as there. */
function answers(folder: string, name: string | undefined): Promise<boolean> {
  if (name === undefined) return Promise.resolve(true)
  return shortly(
    folder,
    basename(name),
    path =>
      new Promise<boolean>(resolve => {
        const socket = connect(path)
        socket.once('connect', () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', (error: { code?: string }) => {
          resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
        })
      }),
  )
}

/** The holder; undefined for nobody. What can't be read was torn by a power cut: nobody, too. */
function parse(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder | null
    return typeof holder?.pid === 'number' ? holder : undefined
  } catch {
    return undefined
  }
}

/** Writes nobody: cutting the file takes no room, even on a full disk. */
function leave(path: string, server: Server | undefined): void {
  server?.close()
  try {
    truncateSync(path)
  } catch {
    // A lock left behind is seen to be stale.
  }
}

function generations(folder: string): readonly number[] {
  const names = readdirSync(folder).filter(name => /^lock\.\d+$/.test(name))
  return names.map(name => Number(name.slice('lock.'.length))).sort((a, b) => a - b)
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
