/**
 * Before LMDB gets the journal's database: that it is whole. A damaged one would end the process without a word
 * (core/lmdb-file.ts); here it is an error that says what is left and what can be done, and nothing is changed.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import { dirname, join } from 'node:path'
import { FsError } from '../core/errors.ts'
import { damageOf, lmdbMetas, restoredOf } from '../core/lmdb-file.ts'
import type { ReadAt } from '../core/lmdb-file.ts'
import type { Folders } from './journal-folder.ts'
import { bootId } from './journal-lock.ts'

const FILE = 'data.mdb'
const SET_ASIDE = `${FILE}.damaged`
/** Others have another layout: there LMDB has to see for itself. */
const KNOWN = endianness() === 'LE' && ['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)

/** Throws FsError EIO if LMDB must not open the database in this folder; Node's errors if it cannot be read. */
export function checkRecords(folder: string): void {
  const path = join(folder, FILE)
  const damage = KNOWN ? damageIn(path) : undefined
  if (damage === undefined) return
  throw new FsError(
    'EIO',
    `the journal's database ${path} is damaged (${damage}). Nothing was changed: the staged files and the commit log ` +
      `beside it are as they were. If the file can be had as it was, put it back. If not, make a copy of ${dirname(folder)}, ` +
      `then rename the file to ${SET_ASIDE}: what the log says is sent then, and staged files that nothing names stay ` +
      'as long as that one is there',
  )
}

/**
 * Databases that are not there any more though staged files may be named in them: set aside as `checkRecords` says, or
 * lost (an empty one is what some file systems leave of a damaged file). To be asked before LMDB makes a new one.
 */
export function lostRecords({ records, stages }: Folders): readonly string[] {
  const setAside = readdirSync(records).filter(name => name.startsWith(SET_ASIDE))
  const size = statSync(join(records, FILE), { throwIfNoEntry: false })?.size ?? 0
  const lost = size === 0 && setAside.length === 0 && readdirSync(stages).length > 0
  return lost ? [FILE] : setAside
}

/** Undefined for a whole database, for none, and for an empty file, which LMDB makes one of. */
function damageIn(path: string): string | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    if (fstatSync(file).size === 0) return undefined
    const read: ReadAt = (at, length) => {
      const bytes = Buffer.alloc(length)
      return readSync(file, bytes, 0, length, at) === length ? bytes : undefined
    }
    const metas = lmdbMetas(read)
    return metas ? damageOf(read, restoredOf(metas, bootNumber())) : 'it does not begin as one'
  } finally {
    closeSync(file)
  }
}

/** The boot as lmdb-js writes it: the UUID's digits up to its first hyphen. None, where it is told to trust no boot. */
function bootNumber(): bigint {
  const [digits] = bootId().split('-')
  if (process.env['LMDB_RESTORE'] === 'safe' || !digits) return -1n
  return BigInt(`0x${digits}`)
}
