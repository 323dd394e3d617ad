/**
 * The layout of a journal's folder, and its format.
 *
 *   format        the number of the format and a line feed
 *   journal.json  for people: which bucket this is about
 *   lock.N        who uses the journal (journal-lock.ts)
 *   records/      the record database (record-db.ts)
 *   log/          the commit log in front of it (commit-log.ts)
 *   stages/       staged files (stages.ts)
 * Folders are 0700, files 0600: what is written may be anybody's secret.
 *
 * A newer format is refused. An older one is brought up, one format at a time, by `MIGRATIONS`, which are run with the
 * lock held and must be repeatable: the number is changed only after one has ended.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FsError } from '../core/errors.ts'
import { diskError } from './disk-error.ts'

export const FORMAT = 1

/** From a format to the next: what to do to a folder of that format. */
export type Migration = (folder: string) => void
const MIGRATIONS: ReadonlyMap<number, Migration> = new Map()

/** What the journal is about, for people who find it. Never a secret. */
export interface JournalAbout {
  readonly endpoint?: string
  readonly bucket?: string
  readonly prefix?: string
}

export interface Folders {
  readonly root: string
  readonly records: string
  readonly log: string
  readonly stages: string
}

/** Makes the folder if it is not there, with nobody else's rights on it. Throws FsError. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
  } catch (error) {
    throw diskError(error, `making the journal's folder ${folder}`)
  }
}

/** Brings the folder, whose lock is held, to this format and makes what it lacks. Throws FsError. */
export function prepareFolder(
  folder: string,
  about: JournalAbout | undefined,
  migrations: ReadonlyMap<number, Migration> = MIGRATIONS,
  target = FORMAT,
): Folders {
  try {
    const found = formatOf(folder)
    if (found !== undefined && found > target) {
      throw new FsError(
        'EIO',
        `the journal in ${folder} has format ${found}, and this pailfs knows formats up to ${target}: ` +
          'use the newer pailfs that wrote it',
      )
    }
    for (let format = found ?? target; format < target; format++) {
      const migrate = migrations.get(format)
      if (!migrate)
        throw new FsError('EIO', `the journal in ${folder} has unknown format ${format}`)
      migrate(folder)
      replaceFile(join(folder, 'format'), `${format + 1}\n`)
    }
    const folders = {
      root: folder,
      records: join(folder, 'records'),
      log: join(folder, 'log'),
      stages: join(folder, 'stages'),
    }
    for (const path of Object.values(folders)) mkdirSync(path, { recursive: true, mode: 0o700 })
    if (about !== undefined) {
      replaceFile(join(folder, 'journal.json'), `${JSON.stringify(about, undefined, 2)}\n`)
    }
    if (found === undefined) replaceFile(join(folder, 'format'), `${target}\n`)
    return folders
  } catch (error) {
    throw diskError(error, `preparing the journal's folder ${folder}`)
  }
}

function formatOf(folder: string): number | undefined {
  let text
  try {
    text = readFileSync(join(folder, 'format'), 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
  if (!/^[1-9]\d*\n$/.test(text)) throw new FsError('EIO', `${folder}/format can not be read`)
  return Number(text)
}

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
}
