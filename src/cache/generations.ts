/**
 * A bounded map from strings to strings on disk (LMDB), best effort. Two generations: writes go to the young one, what
 * is found in the old one moves to the young one, and when the young one has half of the entries allowed, the old one
 * is emptied and they change places. So what has not been asked for in a long time goes, at no cost of book-keeping.
 *
 * Nothing is synced: a killed process loses nothing (the kernel has the pages), a power cut may leave a broken
 * database, and LMDB crashes the process on a broken one. So the file's head is checked before; a mark with the boot's
 * id lies beside it while it is open; and a database left open by an earlier boot, or by several processes in a
 * row, is thrown away unread.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import type { Database, RootDatabase } from 'lmdb'
import type { Log } from '../core/ports.ts'
import { looksWhole } from './lmdb-check.ts'

type Table = Database<string, Uint8Array>

export interface Generations {
  get(name: string): string | undefined
  set(name: string, value: string): void
  close(): Promise<void>
}

/** Undefined, with a warning, where the folder cannot be used at all. */
export function openGenerations(folder: string, most: number, log: Log): Generations | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const mark = readMark(folder)
    const reason = unfit(folder, mark)
    if (reason !== undefined) {
      log.warn('metadata cache cannot be trusted, starting afresh', { folder, reason })
      wipe(folder)
    }
    const unclean = mark === undefined || reason !== undefined ? 0 : mark.unclean + 1
    writeFileSync(join(folder, MARK), `${bootId()} ${unclean}`)
    return new LmdbGenerations(folder, most, log)
  } catch (error) {
    log.warn('metadata cache cannot be used, keeping it in memory only', { folder, error })
    return undefined
  }
}

class LmdbGenerations implements Generations {
  readonly #folder: string
  readonly #log: Log
  readonly #half: number
  readonly #root: RootDatabase
  #youngName: 'a' | 'b'
  #young: Table
  #old: Table
  #youngCount: number
  #broken = false

  constructor(folder: string, most: number, log: Log) {
    this.#folder = folder
    this.#log = log
    this.#half = Math.max(1, Math.floor(most / 2))
    this.#root = open({ path: join(folder, FILE), noSync: true, overlappingSync: false, maxDbs: 3 })
    this.#youngName = this.#root.get('young') === 'b' ? 'b' : 'a'
    this.#young = this.#table(this.#youngName)
    this.#old = this.#table(this.#youngName === 'a' ? 'b' : 'a')
    this.#youngCount = countOf(this.#young)
  }

  get(name: string): string | undefined {
    if (this.#broken) return undefined
    try {
      const hash = hashOf(name)
      const young = this.#young.get(hash)
      if (young !== undefined) return young
      const old = this.#old.get(hash)
      if (old !== undefined) this.#put(hash, old)
      return old
    } catch (error) {
      this.#break(error)
      return undefined
    }
  }

  set(name: string, value: string): void {
    if (this.#broken) return
    try {
      this.#put(hashOf(name), value)
    } catch (error) {
      this.#break(error)
    }
  }

  async close(): Promise<void> {
    try {
      await this.#root.close()
      // A clean end: what is in the kernel's hands is complete, and soon on disk.
      if (!this.#broken) rmSync(join(this.#folder, MARK), { force: true })
    } catch (error) {
      this.#log.warn('metadata cache was not closed well', { folder: this.#folder, error })
    }
  }

  #table(name: string): Table {
    return this.#root.openDB<string, Uint8Array>({
      name,
      encoding: 'string',
      keyEncoding: 'binary',
    })
  }

  #put(hash: Uint8Array, value: string): void {
    if (this.#youngCount >= this.#half) this.#turn()
    this.#youngCount++
    this.#young.put(hash, value).catch((error: unknown) => this.#break(error))
  }

  #turn(): void {
    ;[this.#young, this.#old] = [this.#old, this.#young]
    this.#youngName = this.#youngName === 'a' ? 'b' : 'a'
    this.#youngCount = 0
    // What is read of it until then is as good as ever.
    this.#young.clearAsync().catch((error: unknown) => this.#break(error))
    this.#root.put('young', this.#youngName).catch((error: unknown) => this.#break(error))
  }

  #break(error: unknown): void {
    if (this.#broken) return
    this.#broken = true
    this.#log.warn('metadata cache failed, going on without', { folder: this.#folder, error })
  }
}

const FILE = 'meta.lmdb'
const MARK = 'open'
/** A daemon that is killed leaves the database open; one that crashes on it does so every time. */
const MOST_UNCLEAN = 3

/** What the mark says while the database is open: in which boot, and how many opens before ended without a close. */
interface Mark {
  readonly boot: string
  readonly unclean: number
}

/** Why the database there must not be opened, if so. */
function unfit(folder: string, mark: Mark | undefined): string | undefined {
  if (!looksWhole(join(folder, FILE))) return 'not a whole database'
  if (mark === undefined) return undefined
  if (mark.boot !== bootId()) return 'left open by an earlier boot'
  return mark.unclean >= MOST_UNCLEAN ? 'left open several times in a row' : undefined
}

function readMark(folder: string): Mark | undefined {
  try {
    const [boot = '', unclean = ''] = readFileSync(join(folder, MARK), 'utf8').split(' ')
    return { boot, unclean: Number(unclean) }
  } catch {
    return undefined
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

function wipe(folder: string): void {
  for (const name of [FILE, `${FILE}-lock`, MARK]) {
    rmSync(join(folder, name), { force: true, recursive: true })
  }
}

/** 160 bits: names may be longer than LMDB's keys, and nobody finds two of one hash. */
function hashOf(name: string): Uint8Array {
  return createHash('sha256').update(name).digest().subarray(0, 20)
}

function countOf(table: Table): number {
  const { entryCount } = table.getStats() as { entryCount?: number }
  return entryCount ?? 0
}
