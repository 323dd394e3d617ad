/**
 * The last failures by path, for `pailfs why`: a log that also remembers what it was told as an error with a
 * `path`. Bounded; the oldest path goes first.
 */
import type { Clock, Log, LogFields } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import { reasonText } from '../core/error-text.ts'
import { hintOf, StoreError } from '../core/errors.ts'
import { describeError } from './log.ts'

const MAX_PATHS = 500

export interface Failure {
  readonly path: string
  readonly at: Milliseconds
  readonly text: string
  readonly hint?: string
}

export interface Recent {
  readonly log: Log
  /** What failed last at this path, and below it. */
  below(path: string): readonly Failure[]
}

export function rememberFailures(log: Log, clock: Clock): Recent {
  const failures = new Map<string, Failure>()
  const error = (event: string, fields: LogFields = {}) => {
    log.error(event, fields)
    const { path } = fields
    if (typeof path !== 'string') return
    failures.delete(path)
    failures.set(path, failureOf(path, clock.now(), event, fields))
    for (const oldest of failures.keys()) {
      if (failures.size <= MAX_PATHS) break
      failures.delete(oldest)
    }
  }
  return {
    log: {
      debug: (event, fields) => log.debug(event, fields),
      info: (event, fields) => log.info(event, fields),
      warn: (event, fields) => log.warn(event, fields),
      error,
    },
    below(path) {
      const folder = path === '/' ? '/' : `${path}/`
      return [...failures.values()].filter(({ path: at }) => at === path || at.startsWith(folder))
    },
  }
}

function failureOf(path: string, at: Milliseconds, event: string, fields: LogFields): Failure {
  const { operation, errno, cause, reason } = fields
  const stored = cause instanceof StoreError ? cause : undefined
  const given = typeof reason === 'string' ? reason : undefined
  const why = stored ? reasonText(stored) : (given ?? (cause ? describeError(cause) : undefined))
  const words = [operation ?? event, errno].filter(word => typeof word === 'string').join(' ')
  const text = why === undefined ? words : `${words}: ${withoutErrno(why, errno)}`
  const hint = stored && hintOf(stored)
  return { path, at, text, ...(hint === undefined ? {} : { hint }) }
}

function withoutErrno(text: string, errno: unknown): string {
  return text.startsWith(`${String(errno)}: `) ? text.slice(String(errno).length + 2) : text
}
