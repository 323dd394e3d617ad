/** `pailfs umount DIR`: everything to the bucket first, then out of the kernel. */
import { lstat } from 'node:fs/promises'
import type { ControlClient } from '../control/client.ts'
import type { MountRecord } from '../mount/records.ts'
import { durationOf } from './command.ts'
import type { Command } from './command.ts'
import { CommandError } from './errors.ts'
import { explainLeft, isLeft } from './left.ts'
import { EXIT } from './exit.ts'
import { mountOf, withDaemon } from './find.ts'
import type { Io } from './io.ts'
import { describePending } from './status.ts'
import { formatDuration } from './units.ts'

const PROGRESS_EVERY = 2000

export const umountCommand: Command = {
  command: 'umount <dir>',
  describe: 'Send what is pending, then unmount',
  build: yargs =>
    yargs
      .positional('dir', { type: 'string', describe: 'Where it is mounted' })
      .option('timeout', {
        type: 'string',
        requiresArg: true,
        describe: 'Give up after so long; it stays mounted',
        defaultDescription: 'when the bucket does not take what is pending',
      })
      .option('force', {
        type: 'boolean',
        describe: 'Detach at once, even in use; what is pending stays in the journal',
      }),
  async run(args, io) {
    const dir = String(args['dir'])
    const limit = durationOf(args, 'timeout')
    const found = await mountOf(dir, io).catch((error: unknown) => {
      if (error instanceof CommandError) return undefined
      throw error
    })
    if (found && found.path !== '/') {
      throw new CommandError(
        EXIT.notMounted,
        `${dir} is inside a mount`,
        `Its mount point is ${found.record.mountPoint}`,
      )
    }
    if (!found && (await isMissing(dir))) throw notOurs(dir)
    if (args['force'] === true) return detach(dir, io)
    if (!found) return unmountForeign(dir)
    return unmountOurs(found.record, limit, io)
  },
}

async function unmountOurs(
  record: MountRecord,
  limit: number | undefined,
  io: Io,
): Promise<number> {
  return withDaemon(record, async client => {
    const progress = setInterval(() => void report(client, io), PROGRESS_EVERY)
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<'expired'>(settle => {
      if (limit !== undefined) timer = setTimeout(() => settle('expired'), limit)
    })
    try {
      const done = client
        .call('unmount', { flush: true })
        .then(() => 'done' as const)
        .catch(async (error: unknown) => {
          throw isLeft(error) ? await explainLeft(client, '/', error, adviceFor(record)) : error
        })
      done.catch(() => {})
      if ((await Promise.race([done, expired])) === 'done') return EXIT.ok
      const status = await client.call('status', {})
      throw new CommandError(
        EXIT.pending,
        `after ${formatDuration(limit ?? 0)} it is still mounted: ${describePending(status)}`,
        'pailfs status shows what is pending; --force detaches it and keeps the rest in the journal',
      )
    } finally {
      clearInterval(progress)
      clearTimeout(timer)
    }
  })
}

function adviceFor({ mountPoint }: MountRecord): string {
  return `It stays mounted. Mend that and try again, or detach it with pailfs umount --force ${mountPoint}: the journal keeps the rest for the next mount, and for pailfs recover`
}

async function report(client: ControlClient, io: Io): Promise<void> {
  const status = await client.call('status', {}).catch(() => undefined)
  if (status && status.pending > 0) io.err(`pailfs: ${describePending(status)}\n`)
}

async function unmountForeign(dir: string): Promise<number> {
  const { unmountWithoutDaemon } = await import('../mount/without-daemon.ts')
  if (await unmountWithoutDaemon(dir)) return EXIT.ok
  throw notOurs(dir)
}

/** A dead mount is there, though it cannot be looked into. */
function isMissing(dir: string): Promise<boolean> {
  return lstat(dir).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}

async function detach(dir: string, io: Io): Promise<number> {
  const { detachMount } = await import('../mount/without-daemon.ts')
  if (!(await detachMount(dir))) throw notOurs(dir)
  io.err('pailfs: detached; what was pending is sent in the background, or at the next mount\n')
  return EXIT.ok
}

function notOurs(dir: string): CommandError {
  const message = `${dir} is not a pailfs mount`
  return new CommandError(EXIT.notMounted, message, 'pailfs status shows your mounts')
}
