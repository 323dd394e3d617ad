/**
 * Journals on this machine for a bucket of the same name that are not the mount's own: the server was spelled in
 * another way, or it is another server or account. What waits there is neither seen nor sent by this mount, since the
 * two buckets may be two; a person has to know of it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { silentLog } from '../core/ports.ts'
import { listPending } from '../journal/export.ts'
import type { JournalAbout } from '../journal/journal-folder.ts'
import { openJournal } from '../journal/lmdb-journal.ts'
import type { Config } from './config.ts'
import { bucketFolder } from './folders.ts'
import { lockFolder } from './records.ts'

export interface Sibling {
  readonly folder: string
  /** Changes that wait in it. */
  readonly pending: number
  /** The command that sends them, and where needed what must be set for it. */
  readonly command: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** Those with something pending that nobody uses now. Never rejects: what cannot be read is passed over. */
export async function siblingsOf(config: Config, env: Environment): Promise<readonly Sibling[]> {
  const own = bucketFolder(config, env)
  const root = dirname(own)
  const stem = basename(own).replace(/[0-9a-f]{16}$/, '')
  if (!existsSync(root)) return []
  const found: Sibling[] = []
  for (const name of readdirSync(root)) {
    const folder = join(root, name)
    if (folder === own || !name.startsWith(stem) || name.length !== basename(own).length) continue
    const about = aboutOf(folder)
    if (about?.bucket !== config.source.bucket || about.prefix !== config.source.prefix) continue
    const pending = await pendingIn(folder).catch(() => 0)
    if (pending > 0) found.push({ folder, pending, command: commandFor(config, about) })
  }
  return found
}

function aboutOf(folder: string): JournalAbout | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'journal', 'journal.json'), 'utf8')) as JournalAbout
  } catch {
    return undefined
  }
}

/** Rejects with InUseError or FsError. */
async function pendingIn(folder: string): Promise<number> {
  const unlock = lockFolder(folder, '"pailfs mount"')
  try {
    const parts = { folder: join(folder, 'journal'), stagingLimit: 0, log: silentLog }
    const journal = await openJournal(parts)
    try {
      return [...listPending(journal)].length
    } finally {
      await journal.close()
    }
  } finally {
    unlock()
  }
}

function commandFor({ source, store, stateDir }: Config, { endpoint }: JournalAbout): string {
  const { family, bucket, prefix } = source
  const path = `${family}://${bucket}${prefix === '' ? '' : `/${prefix.replace(/\/$/, '')}`}`
  const state = stateDir === undefined ? [] : [`--state-dir=${stateDir}`]
  const style = store.pathStyle === true ? ['--path-style'] : []
  const words = (...options: string[]) =>
    ['pailfs recover', ...options, ...style, ...state, path].join(' ')
  if (endpoint === undefined) return `${words()} (with the options of that mount)`
  if (family === 's3') return endpoint === '' ? words() : words(`--endpoint-url=${endpoint}`)
  const cloud = /^cloud (.*)/.exec(endpoint)?.[1]
  if (cloud !== undefined) return words(`--os-cloud=${cloud}`)
  return `${words()} (with the environment for ${endpoint.trim()})`
}
