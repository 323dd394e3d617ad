/**
 * Gets out of a journal what it holds and the bucket does not: `pailfs recover --list` and `--export`.
 *
 * A file whose bytes are all here is written under its key's path. One that still shows bytes of a stored version
 * is written as `NAME.partial`, with holes where those would be. Deletions and renames have no bytes
 * and are only listed. `pailfs-export.json` in the folder says it all: keys, paths, metadata, which bytes are there.
 *
 * The folder must be empty and ours, so that no link in it leads outside; keys never do: each part of a
 * key becomes a plain file name.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FsError } from '../core/errors.ts'
import { missing } from '../core/extents.ts'
import type { KeyRecord } from '../core/state.ts'
import type { Bytes, Range } from '../core/types.ts'
import { diskError } from './disk-error.ts'
import { writeAll } from './file-io.ts'
import type { Journal, Stage } from './journal.ts'

/** One line of what is pending. */
export interface Pending {
  readonly record: KeyRecord
  readonly what: 'file' | 'inline' | 'copy' | 'delete' | 'lost'
  /** The object's size once it is sent; 0 for a deletion or a lost file. */
  readonly size: Bytes
  /** Bytes of it that only a stored version has: what can't be exported. */
  readonly elsewhere: readonly Range[]
}

export interface Exported extends Pending {
  /** Where it was written, below the folder; absent if it has no bytes here. */
  readonly path?: string
}

const STEP: Bytes = 1 << 20
const INDEX = 'pailfs-export.json'
/** The longest file name Linux has, less what may be added to it. */
const LONGEST: Bytes = 255 - 24

/** All that is pending, with sizes. Staged files that are lost are in it, not thrown. */
export function* listPending(journal: Journal): Iterable<Pending> {
  for (const record of journal.records()) {
    const stage = stageOf(journal, record)
    yield pending(record, stage)
    stage?.close()
  }
}

/** Writes all that is pending into `folder`. Rejects with FsError: ENOTEMPTY, ENOSPC, or EIO. */
export async function exportPending(
  journal: Journal,
  folder: string,
): Promise<readonly Exported[]> {
  const done: Exported[] = []
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if ((await readdir(folder)).length > 0) {
      throw new FsError('ENOTEMPTY', `${folder} is not empty: export into a new folder`)
    }
    for (const record of journal.records()) done.push(await exportOne(journal, record, folder))
    const text = JSON.stringify(done, undefined, 2)
    await writeFile(join(folder, INDEX), `${text}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new FsError('ENOSPC', `no room in ${folder} for all of it; the journal is as it was`)
    }
    throw diskError(error, `exporting to ${folder}`)
  }
  return done
}

/** The path below an export's folder for a key: plain names only, whatever the key holds. */
export function exportPath(key: string): string {
  return key.replace(/\/$/, '').split('/').map(plainName).join('/')
}

function plainName(part: string): string {
  const name = part === '' ? '%2F' : /^\.\.?$/.test(part) ? part.replaceAll('.', '%2E') : part
  const plain = name.replaceAll('\0', '%00')
  if (Buffer.byteLength(plain) <= LONGEST) return plain
  const hash = createHash('sha256').update(part).digest('hex').slice(0, 16)
  return `${Buffer.from(plain).subarray(0, 180).toString('utf8').replaceAll('\uFFFD', '')}~${hash}`
}

function stageOf(journal: Journal, { desired }: KeyRecord): Stage | undefined {
  if (desired.is === 'absent' || desired.content.from !== 'stage') return undefined
  try {
    return journal.openStage(desired.content.stage)
  } catch {
    return undefined
  }
}

function pending(record: KeyRecord, stage: Stage | undefined): Pending {
  const { desired } = record
  const none = { record, size: 0, elsewhere: [] }
  if (desired.is === 'absent') return { ...none, what: 'delete' }
  const { content } = desired
  if (content.from === 'inline') {
    return { ...none, what: 'inline', size: Buffer.from(content.base64, 'base64').length }
  }
  if (content.from === 'stored') {
    const { size } = content.source
    return { ...none, what: 'copy', size, elsewhere: size > 0 ? [{ start: 0, end: size }] : [] }
  }
  if (stage === undefined) return { ...none, what: 'lost' }
  const elsewhere = missing(stage.own, { start: 0, end: stage.baseLimit })
  return { record, what: 'file', size: stage.size, elsewhere }
}

async function exportOne(journal: Journal, record: KeyRecord, folder: string): Promise<Exported> {
  const stage = stageOf(journal, record)
  try {
    const entry = pending(record, stage)
    if (entry.what !== 'file' && entry.what !== 'inline') return entry
    const plain = exportPath(record.key)
    if (record.key.endsWith('/')) {
      await mkdir(join(folder, plain), { recursive: true, mode: 0o700 })
      return { ...entry, path: plain }
    }
    const path = entry.elsewhere.length > 0 ? `${plain}.partial` : plain
    return { ...entry, path: await writeOut(record, stage, folder, path) }
  } finally {
    stage?.close()
  }
}

/** Writes the bytes; where the name is taken (a key that is file and folder) another is found. */
async function writeOut(
  { desired }: KeyRecord,
  stage: Stage | undefined,
  folder: string,
  path: string,
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    // Below a file no folder can be made: then the whole path becomes one name.
    const name = attempt === 1 ? path : `${path.replaceAll('/', '%2F').slice(-180)}~${attempt}`
    let file
    try {
      await mkdir(dirname(join(folder, name)), { recursive: true, mode: 0o700 })
      file = await open(join(folder, name), 'wx', 0o600)
    } catch (error) {
      const { code } = error as { code?: string }
      if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(code ?? '') || attempt > 99) {
        throw error
      }
      continue
    }
    try {
      if (stage !== undefined) await copyStage(stage, file.fd)
      else if (desired.is === 'present' && desired.content.from === 'inline') {
        await writeAll(file.fd, Buffer.from(desired.content.base64, 'base64'), 0)
      }
      if (stage !== undefined) {
        await file.truncate(stage.size)
        const seconds = stage.modified() / 1000
        await file.utimes(seconds, seconds)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return name
  }
}

/** The stage's own bytes; zeros are left out, so that what is sparse stays so. */
async function copyStage(stage: Stage, fd: number): Promise<void> {
  const bytes = Buffer.alloc(STEP)
  const ranges = [...stage.own, { start: stage.baseLimit, end: stage.size }]
  for (const { start, end } of ranges) {
    for (let at = start; at < end; at += STEP) {
      const piece = bytes.subarray(0, Math.min(STEP, end - at))
      const count = await stage.read(piece, at)
      if (count < piece.length) throw new FsError('EIO', `staged file ${stage.id} is too short`)
      if (piece.some(byte => byte !== 0)) await writeAll(fd, piece, at)
    }
  }
}
