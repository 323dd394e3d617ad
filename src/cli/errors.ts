/**
 * Errors as people see them: what was wrong, where, and what to do; and the exit code for each.
 */
import { FsError, hintOf, StoreError } from '../core/errors.ts'
import { EXIT } from './exit.ts'
import type { Exit } from './exit.ts'

/** The command line was wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** A command could not do what it was asked, with the exit code that says so. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exit: Exit
  readonly hint: string | undefined

  constructor(exit: Exit, message: string, hint?: string) {
    super(message)
    this.exit = exit
    this.hint = hint
  }
}

export interface Explained {
  readonly message: string
  readonly hint?: string
  readonly exit: number
}

/**
 * Any error as message, remedy and exit code. Errors of the mount's folder are told by name, since loading
 * their classes would cost every command the time.
 */
export function explain(error: unknown): Explained {
  if (error instanceof CommandError) return make(error.exit, error.message, error.hint)
  if (error instanceof StoreError) return make(EXIT.store, storeMessage(error), storeHint(error))
  if (error instanceof FsError)
    return make(
      EXIT_OF_ERRNO[error.errno] ?? EXIT.failure,
      error.message.replace(/^E[A-Z0-9]+: /, ''),
    )
  if (error instanceof Error) {
    const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined
    const code = 'code' in error ? String(error.code) : ''
    const exit = EXIT_OF[error.name] ?? EXIT_OF_ERRNO[code] ?? EXIT.failure
    // The daemon's answers begin with the errno's name, which is for programs.
    return make(exit, error.message.replace(/^E[A-Z0-9]+: /, ''), hint)
  }
  return make(EXIT.failure, String(error))
}

/** Errnos, and ENOCONN: no daemon listens. What the daemon answers has its errno in `code`. */
const EXIT_OF_ERRNO: Readonly<Record<string, Exit>> = {
  EBUSY: EXIT.busy,
  EAGAIN: EXIT.pending,
  ENOCONN: EXIT.notMounted,
}

const EXIT_OF: Readonly<Record<string, Exit>> = {
  UsageError: EXIT.usage,
  ConfigError: EXIT.usage,
  UnitError: EXIT.usage,
  MountError: EXIT.mount,
  InUseError: EXIT.busy,
}

function storeMessage(error: StoreError): string {
  const { operation, code, status, requestId } = error.details
  const known = [
    operation,
    code,
    status === undefined ? undefined : `status ${status}`,
    requestId === undefined ? undefined : `request ${requestId}`,
  ].filter(text => text !== undefined && !said(error.message, text.replace('status ', '')))
  return known.length === 0 ? error.message : `${error.message} (${known.join(', ')})`
}

/** Whether a message has these words already. */
function said(message: string, words: string): boolean {
  return ` ${message.replaceAll(/[:()]/g, ' ')} `.includes(` ${words} `)
}

function storeHint(error: StoreError): string | undefined {
  return error.details.hint ?? HINTS[error.kind] ?? hintOf(error)
}

const HINTS: Readonly<Record<string, string>> = {
  'no-bucket': 'Check the name, and that the address and region are the bucket’s',
  denied: 'Check the credentials, and that they may list the bucket',
  expired: 'Renew the credentials',
  unavailable: 'Check the address and the network',
  timeout: 'Check the address and the network',
}

function make(exit: number, message: string, hint?: string): Explained {
  return { exit, message, ...(hint === undefined ? {} : { hint }) }
}
