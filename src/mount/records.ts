/**
 * Which mounts this user has: a small file for each in the run folder, and a lock in each bucket's folder.
 * A record or lock whose process is gone (by number and start time) counts for nothing.
 */
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mountId, runFolders } from './folders.ts'

/** The bucket's journal is in use by another process. */
export class InUseError extends Error {
  override readonly name = 'InUseError'
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

export interface MountRecord {
  readonly pid: number
  /** The process's start time in clock ticks, from /proc: tells a reused number. */
  readonly started: string
  readonly mountPoint: string
  readonly source: string
  readonly socket: string
  readonly since: number
  readonly logFile?: string
}

/** Identifies this very process. */
export function thisProcess(): { pid: number; started: string } {
  return { pid: process.pid, started: startOf(process.pid) ?? '' }
}

export function isAlive(record: { readonly pid: number; readonly started: string }): boolean {
  return startOf(record.pid) === record.started
}

/** Writes the record; the result removes it. */
export function writeRecord(folder: string, record: MountRecord): () => void {
  const file = join(folder, `${mountId(record.mountPoint)}.json`)
  replaceFile(file, JSON.stringify(record))
  return () => rmSync(file, { force: true })
}

/** All live mounts of this user, by mount point. */
export function listRecords(folders = runFolders()): readonly MountRecord[] {
  const records: MountRecord[] = []
  for (const folder of folders) {
    for (const name of namesIn(folder)) {
      const record = readJson(join(folder, name)) as MountRecord | undefined
      if (record && isAlive(record)) records.push(record)
    }
  }
  return records.sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1))
}

interface Lock {
  readonly pid: number
  readonly started: string
  readonly mountPoint: string
}

/** One daemon at a time may use a bucket's journal. Throws InUseError naming the other; the result unlocks. */
export function lockFolder(folder: string, mountPoint: string): () => void {
  const file = join(folder, 'lock')
  const mine: Lock = { ...thisProcess(), mountPoint }
  for (;;) {
    try {
      writeFileSync(file, JSON.stringify(mine), { flag: 'wx', mode: 0o600 })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const other = readJson(file) as Lock | undefined
    if (other && isAlive(other)) {
      throw new InUseError(
        `this bucket is mounted already, at ${other.mountPoint} (process ${other.pid})`,
        'Use that mount, wait until it has ended, or give this one its own --state-dir',
      )
    }
    // Moved aside before it goes: of two that find it stale only one succeeds.
    try {
      renameSync(file, `${file}.${process.pid}`)
      rmSync(`${file}.${process.pid}`, { force: true })
    } catch {
      // The other one was quicker; look again.
    }
  }
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; behind it field 3, the state, and on to field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie has ended; only its parent does not know yet.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function replaceFile(file: string, text: string): void {
  const fresh = `${file}.${process.pid}`
  writeFileSync(fresh, text, { mode: 0o600 })
  renameSync(fresh, file)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => name.endsWith('.json'))
  } catch {
    return []
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
