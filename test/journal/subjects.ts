/** The journals that the contract is tested on, each with a way to kill and reopen it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '../../src/core/ports.ts'
import type { KeyRecord, Source } from '../../src/core/state.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { openJournal, type JournalOptions } from '../../src/journal/lmdb-journal.ts'
import { MemoryJournal } from '../../src/journal/memory-journal.ts'

export interface Subject {
  readonly name: string
  readonly journal: Journal
  /** Closes in order and opens again. */
  restart(): Promise<Journal>
  end(): Promise<void>
}

const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes with the process, if no test takes it away before. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pailfs-journal-'))
  folders.push(folder)
  return folder
}

export async function onDisk(options: Partial<JournalOptions> = {}): Promise<Subject> {
  const folder = freshFolder()
  const all = { folder, stagingLimit: 1 << 30, log: silentLog, ...options }
  let journal = await openJournal(all)
  return {
    name: 'lmdb',
    get journal() {
      return journal
    },
    async restart() {
      await journal.close()
      journal = await openJournal(all)
      return journal
    },
    async end() {
      await journal.close()
      rmSync(folder, { recursive: true })
    },
  }
}

export async function inMemory(options: { stagingLimit?: number } = {}): Promise<Subject> {
  let journal = new MemoryJournal(options)
  return {
    name: 'memory',
    get journal() {
      return journal
    },
    async restart() {
      await journal.close()
      journal = journal.reopen()
      return journal
    },
    async end() {
      await journal.close()
    },
  }
}

export const makers = [onDisk, inMemory]

export function fileRecord(key: string, stage = 's', base?: Source): KeyRecord {
  const content = { from: 'stage' as const, stage, ...(base && { base }) }
  return {
    key,
    desired: { is: 'present', content, meta: { user: { mode: '33188' } } },
    stored: { is: 'unknown' },
  }
}

export function byKey(records: Iterable<KeyRecord>): Record<string, KeyRecord> {
  return Object.fromEntries([...records].map(record => [record.key, record]))
}

/** The whole content as a reader sees it, with `base`'s bytes where they show. */
export async function contents(
  journal: Journal,
  id: string,
  base: Uint8Array = new Uint8Array(),
): Promise<Uint8Array> {
  const stage = journal.openStage(id)
  const bytes = new Uint8Array(stage.size)
  await stage.read(bytes, 0)
  for (let at = 0; at < stage.baseLimit; at++) {
    if (!stage.own.some(range => range.start <= at && at < range.end)) bytes[at] = base[at]!
  }
  stage.close()
  return bytes
}

/** Why a test has no disk of its own: what the command said that should have made one. */
export function whyNot(error: unknown): string {
  const { stderr } = error as { stderr?: Buffer }
  const said = stderr?.toString().trim() ?? ''
  return `no disk can be mounted here: ${said.split('\n')[0] || String(error)}`
}
