/**
 * One user a journal: a lock made of files, since Node has no flock.
 *
 * The lock is a row of files `lock.N`, of which the highest N counts. It says who holds the journal:
 * host, boot, process and when that process started; or nobody. To take it is to make `lock.N+1`, whole from its first moment
 * (a link of a finished file), which only one can; then to see that no higher one has come meanwhile, since
 * the others may be deleted by who holds a higher one. To leave is to empty it.
 *
 * A holder is gone if this kernel has booted since, or no process with that number and that start time is
 * there. From another host, or from another container whose processes can't be seen, it can't be told: then
 * the lock holds and the message says what to delete.
 */
import {
  linkSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
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
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
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

/** Takes the lock of the folder. Throws FsError EBUSY, with who holds it and what to do, or EIO. */
export function takeLock(folder: string, processes: Processes = systemProcesses()): Lock {
  const own = join(folder, `locking.${processes.self.pid}.new`)
  try {
    writeFileSync(own, `${JSON.stringify(processes.self)}\n`, { mode: 0o600 })
    try {
      for (;;) {
        const path = tryLock(folder, own, processes)
        if (path !== undefined) return { release: () => leave(path) }
      }
    } finally {
      unlinkSync(own)
    }
  } catch (error) {
    throw diskError(error, `locking the journal in ${folder}`)
  }
}

/** The path of the lock taken; undefined if somebody was quicker, so that all is to be looked at again. */
function tryLock(folder: string, own: string, processes: Processes): string | undefined {
  const highest = generations(folder).at(-1)
  if (highest !== undefined) refuseIfHeld(join(folder, `lock.${highest}`), processes)
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
  for (const old of all) if (old < number) remove(join(folder, `lock.${old}`))
  return path
}

function refuseIfHeld(path: string, processes: Processes): void {
  const text = read(path)
  if (text === undefined) return
  const holder = parse(text)
  const { self } = processes
  if (holder === undefined) return
  const who = `process ${holder.pid} on ${holder.host}`
  const unsure = `If you are sure that it no longer runs, delete ${path}`
  if (holder.host !== self.host) {
    throw new FsError('EBUSY', `the journal is in use by ${who}, another host. ${unsure}`)
  }
  if (holder.boot !== self.boot) return
  if (holder.space !== self.space) {
    throw new FsError('EBUSY', `the journal is in use by ${who}, in another container. ${unsure}`)
  }
  if (processes.started(holder.pid) !== holder.started) return
  throw new FsError(
    'EBUSY',
    `the journal is in use by ${who}: another pailfs has this bucket mounted. Unmount that one, or use another --state-dir`,
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
function leave(path: string): void {
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
