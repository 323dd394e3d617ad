/** `pailfs recover SOURCE`: what an ended mount could not send is sent, listed or saved, without a mount. */
import type { Config } from '../mount/config.ts'
import type { Exported, Pending } from '../mount/recover.ts'
import type { WritebackStatus } from '../control/api.ts'
import type { Arguments, Command } from './command.ts'
import { tellOfOthers } from './elsewhere.ts'
import { UsageError } from './errors.ts'
import { EXIT } from './exit.ts'
import type { Io } from './io.ts'
import { readOptions, yargsOptions } from './options.ts'
import { describePending, printable } from './status.ts'
import { formatSize } from './units.ts'

const PROGRESS_EVERY = 2000
/** While it sends, these end it. */
const STOPS = ['SIGINT', 'SIGTERM'] as const

export const recoverCommand: Command = {
  command: 'recover <source>',
  describe: 'Send what an ended mount left in its journal, list it, or save it',
  build: yargs =>
    yargs
      .positional('source', { type: 'string', describe: 'As it was mounted' })
      .option('list', { type: 'boolean', describe: 'Only show what is not in the bucket' })
      .option('export', {
        type: 'string',
        requiresArg: true,
        describe: 'Save the files that are not in the bucket in this new folder',
      })
      .option('json', { type: 'boolean', describe: 'With --list: for programs' })
      .options(yargsOptions())
      .example('$0 recover s3://photos', 'Sends what is pending')
      .example('$0 recover --export rescued s3://photos', 'When the bucket is gone for good'),
  async run(args, io) {
    const config = await configOf(args, io)
    const { list, json } = args
    const folder = args['export']
    if (list === true && typeof folder === 'string') {
      throw new UsageError('--list and --export exclude each other')
    }
    await tellOfOthers(config, io)
    if (list === true) return showPending(config, json === true, io)
    if (typeof folder === 'string') return save(config, folder, io)
    return send(config, io)
  },
}

async function send(config: Config, io: Io): Promise<number> {
  const { sendPending } = await import('../mount/recover.ts')
  const ending = new AbortController()
  const stop = () => ending.abort()
  for (const signal of STOPS) process.on(signal, stop)
  let progress: NodeJS.Timeout | undefined
  try {
    const status = await sendPending(config, {
      compose: io.compose,
      signal: ending.signal,
      started: ask => {
        const tell = () => io.err(`pailfs: ${describePending(ask())}\n`)
        tell()
        progress = setInterval(tell, PROGRESS_EVERY)
      },
    })
    report(status, io)
    return status.pending > 0 ? EXIT.pending : EXIT.ok
  } finally {
    clearInterval(progress)
    for (const signal of STOPS) process.off(signal, stop)
  }
}

function report(status: WritebackStatus, io: Io): void {
  io.out(`${describePending(status)}\n`)
  for (const { path, reason } of status.items) {
    io.out(`  ${printable(path)}${reason === undefined ? '' : `: ${reason}`}\n`)
  }
  for (const name of status.conflicts) io.out(`  conflict: ${printable(name)}\n`)
}

async function showPending(config: Config, json: boolean, io: Io): Promise<number> {
  const { pendingOf } = await import('../mount/recover.ts')
  const all = (await pendingOf(config)).toSorted((a, b) => (a.record.key < b.record.key ? -1 : 1))
  if (json) io.out(`${JSON.stringify(all, undefined, 2)}\n`)
  else if (all.length === 0) io.out('everything is in the bucket\n')
  else for (const one of all) io.out(line(one))
  return all.length > 0 ? EXIT.pending : EXIT.ok
}

const WORDS: Readonly<Record<Pending['what'], string>> = {
  file: 'write',
  inline: 'write',
  copy: 'copy',
  delete: 'delete',
  lost: 'LOST',
}

function line({ record, what, size }: Pending): string {
  const { desired, key, parked } = record
  const from =
    desired.is === 'present' && desired.content.from === 'stored'
      ? ` from ${printable(desired.content.source.key)}`
      : ''
  const reason = parked === undefined ? '' : `: ${parked.message}`
  return `  ${WORDS[what].padEnd(6)} ${formatSize(size).padStart(9)}  ${printable(key)}${from}${reason}\n`
}

async function save(config: Config, folder: string, io: Io): Promise<number> {
  const { savePending, journalFolder } = await import('../mount/recover.ts')
  const all = await savePending(config, folder)
  const saved = all.filter(one => one.path !== undefined)
  const bytes = saved.reduce((sum, one) => sum + one.size, 0)
  io.out(`${saved.length} of ${all.length} changes saved in ${folder} (${formatSize(bytes)})\n`)
  const lacking = all.filter(isLacking)
  for (const { record, path } of lacking) {
    const where = path === undefined ? 'its bytes are lost' : `what is here of it is in ${path}`
    io.err(`pailfs: not whole: ${printable(record.key)}: ${where}\n`)
  }
  if (all.length > saved.length) {
    io.out('deletions, renames and copies have no bytes here; pailfs-export.json lists them\n')
  }
  if (all.length > 0) io.out(`the journal stays as it is: ${journalFolder(config)}\n`)
  return lacking.length > 0 ? EXIT.failure : EXIT.ok
}

/** Bytes of it are lost, or only a stored version has them. */
function isLacking({ what, elsewhere }: Exported): boolean {
  return what === 'lost' || (what === 'file' && elsewhere.length > 0)
}

/** The same options as for the mount; those that only a mount has mean nothing here. */
async function configOf(args: Arguments, io: Io): Promise<Config> {
  const options = readOptions({ line: args, dashO: new Map(), env: io.env })
  const { createConfig } = await import('../mount/config.ts')
  const { absolutePaths } = await import('../mount/folders.ts')
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  return createConfig(
    {
      logLevel: 'warn',
      ...absolutePaths(options),
      source: String(args['source']),
      mountPoint: '/',
    },
    owner,
  )
}
