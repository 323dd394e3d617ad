/**
 * The structured log: one line an event, as text for people or JSON for machines.
 *
 * A line is written at once and in one piece, so that what was logged before a crash is there. Causes are
 * followed to their end, and a store's details (request id, code, key, hint) come along. Values of fields
 * whose name says secret are not written.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { hintOf, StoreError } from '../core/errors.ts'
import type { Clock, Log, LogFields, LogLevel } from '../core/ports.ts'

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
/** journald and syslog read these prefixes on stderr (sd-daemon(3)). */
const PRIORITY: Readonly<Record<LogLevel, string>> = {
  debug: '<7>',
  info: '<6>',
  warn: '<4>',
  error: '<3>',
}
const SECRET = /secret|password|token|credential|authorization|signature|cookie/i
/** A chain of causes is followed so far. */
const MAX_CAUSES = 5

export type LogFormat = 'text' | 'json' | 'journal'

export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  readonly clock: Clock
  readonly write: (line: string) => void
}

export function createLog(options: LogOptions): Log {
  const at = (level: LogLevel) => {
    if (ORDER[level] < ORDER[options.level]) return () => {}
    return (event: string, fields: LogFields = {}) => {
      options.write(`${format(options, level, event, fields)}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Writes to a descriptor, ignoring a full disk or a closed pipe: a log must not end the daemon. */
export function writeTo(descriptor: number): (line: string) => void {
  return line => {
    try {
      writeSync(descriptor, line)
    } catch {
      // There is nowhere left to say it.
    }
  }
}

/** A log file, opened for appending; private, since it tells names of files. */
export function openLogFile(path: string): { descriptor: number; close(): void } {
  const descriptor = openSync(path, 'a', 0o600)
  return { descriptor, close: () => closeSync(descriptor) }
}

function format(options: LogOptions, level: LogLevel, event: string, fields: LogFields): string {
  const plain = flatten(fields)
  const time = new Date(options.clock.now()).toISOString()
  if (options.format === 'json') return JSON.stringify({ time, level, event, ...plain })
  const words = Object.entries(plain).map(([name, value]) => `${name}=${quote(value)}`)
  const line = [event, ...words].join(' ')
  return options.format === 'journal' ? `${PRIORITY[level]}${line}` : `${time} ${level} ${line}`
}

function flatten(fields: LogFields): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (SECRET.test(name)) plain[name] = '(hidden)'
    else plain[name] = value instanceof Error ? describeError(value) : value
  }
  return plain
}

/** Errors of the language itself: bugs, logged with their stack. */
const BUGS: ReadonlySet<string> = new Set([
  'Error',
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
])

/** An error with its causes, as one text. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  let hinted = false
  let current: unknown = error
  for (let depth = 0; depth < MAX_CAUSES && current !== undefined && current !== null; depth += 1) {
    parts.push(describeOne(current, depth === 0 || !hinted))
    hinted ||= current instanceof StoreError
    current = current instanceof Error ? current.cause : undefined
  }
  return parts.join(' <- ')
}

/** `hinted`: with what a person can do; once in a chain is enough. */
function describeOne(error: unknown, hinted: boolean): string {
  if (error instanceof StoreError) {
    const { operation, key, code, status, requestId } = error.details
    const hint = hinted ? hintOf(error) : undefined
    const details = Object.entries({ operation, key, code, status, requestId, hint })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${quote(value)}`)
    return `${error.kind}: ${error.message} (${details.join(' ')})`
  }
  if (error instanceof Error) {
    const known = !BUGS.has(error.name) || 'code' in error
    return known ? error.message : (error.stack ?? error.message)
  }
  return typeof error === 'string' ? error : JSON.stringify(error)
}

function quote(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value)
  if (typeof value === 'bigint') return value.toString()
  return JSON.stringify(value) ?? String(value)
}
