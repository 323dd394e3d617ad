/** What a command says when it waited for the bucket in vain: which files, why, what can be done; exit code 7. */
import type { PendingItem } from '../control/api.ts'
import { ControlError, type ControlClient } from '../control/client.ts'
import { CommandError } from './errors.ts'
import { EXIT } from './exit.ts'
import { describePending, printable } from './status.ts'

/** So many files are named. */
const MOST = 10

/** Answers of the daemon that say nothing of files: nobody there, a wrong question, in use, told to stop. */
const OTHER: ReadonlySet<string> = new Set(['ENOCONN', 'EINVAL', 'EBUSY', 'EINTR', 'EPERM'])

/** Whether the daemon refused since something could not be sent. */
export function isLeft(error: unknown): error is ControlError {
  return error instanceof ControlError && !OTHER.has(error.code)
}

/** `path`: from the mount's root; `advice`: what to do. */
export async function explainLeft(
  client: ControlClient,
  path: string,
  error: ControlError,
  advice: string,
): Promise<CommandError> {
  const status = await client.call('status', {}).catch(() => undefined)
  const below = path === '/' ? '/' : `${path}/`
  const failed = (status?.items ?? []).filter(
    ({ path: at, reason }) => reason !== undefined && (at === path || at.startsWith(below)),
  )
  if (!status || failed.length === 0) {
    return new CommandError(EXIT.pending, error.message.replace(/^E[A-Z0-9]+: /, ''), advice)
  }
  const more = failed.length > MOST ? `\n  and ${failed.length - MOST} more` : ''
  const message = `not in the bucket, but kept in the journal: ${describePending(status)}\n${listed(failed.slice(0, MOST))}${more}`
  return new CommandError(EXIT.pending, message, advice)
}

/** A line a file, and below it what can be done, where that was not said for the one before. */
export function listed(items: readonly PendingItem[]): string {
  let before: string | undefined
  const lines = items.flatMap(({ path, reason = '', hint }) => {
    const line = `  ${printable(path)}: ${printable(reason)}`
    const told = hint === undefined || hint === before ? [line] : [line, `    ${hint}`]
    before = hint
    return told
  })
  return lines.join('\n')
}
