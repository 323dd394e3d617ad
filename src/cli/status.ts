/** `pailfs status [DIR]`: what is mounted, what is not in the bucket yet, and why. */
import type { MountStatus, WritebackStatus } from '../control/api.ts'
import type { Command } from './command.ts'
import { EXIT } from './exit.ts'
import { allMounts, mountOf, withDaemon } from './find.ts'
import type { Io } from './io.ts'
import { formatDuration, formatSize } from './units.ts'

export const statusCommand: Command = {
  command: 'status [dir]',
  describe: 'Show mounts and what is not in the bucket yet',
  build: yargs =>
    yargs
      .positional('dir', { type: 'string', describe: 'One mount only' })
      .option('json', { type: 'boolean', describe: 'For programs' }),
  async run(args, io) {
    const { dir, json } = args
    const records =
      typeof dir === 'string' ? [(await mountOf(dir, io)).record] : await allMounts(io)
    const all: MountStatus[] = []
    for (const record of records) {
      all.push(await withDaemon(record, client => client.call('status', {})))
    }
    if (json === true) io.out(`${JSON.stringify(all, undefined, 2)}\n`)
    else if (all.length === 0) io.out('Nothing is mounted.\n')
    else for (const status of all) print(status, io)
    return all.some(({ failed }) => failed > 0) ? EXIT.pending : EXIT.ok
  },
}

/** One phrase: `3 files (12 MiB) pending, 1 failed`. */
export function describePending(status: WritebackStatus): string {
  if (status.pending === 0) return 'everything is in the bucket'
  const files = status.pending === 1 ? '1 change' : `${status.pending} changes`
  const failed = status.failed === 0 ? '' : `, ${status.failed} failed`
  return `${files} (${formatSize(status.pendingBytes)}) to send${failed}`
}

function print(status: MountStatus, io: Io): void {
  const age = formatDuration(Date.now() - status.since)
  io.out(`${status.source} on ${status.mountPoint}${status.readOnly ? ' (read-only)' : ''}\n`)
  io.out(`  ${status.state} for ${age}, process ${status.pid}; ${describePending(status)}\n`)
  for (const item of status.items) {
    const reason = item.reason === undefined ? '' : `: ${item.reason}`
    io.out(
      `  ${item.state.padEnd(8)} ${formatSize(item.bytes).padStart(9)}  ${printable(item.path)}${reason}\n`,
    )
  }
  for (const path of status.conflicts) io.out(`  conflict: ${printable(path)}\n`)
  if (status.logFile !== undefined) io.out(`  log: ${status.logFile}\n`)
}

/** A name may hold anything; a terminal must not. */
export function printable(path: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return path.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}
