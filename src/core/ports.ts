/** What the pure parts are given instead of reaching for it: time, chance and a log. */
import type { Milliseconds } from './types.ts'

/** A running timer; cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

/** The only source of time in `core/`, `fs/`, `writeback/` and `cache/`. */
export interface Clock {
  /** Milliseconds since 1970. May jump; use it for stamps and for coarse ages only. */
  now(): Milliseconds
  /** Calls `then` once after `delay` ms. */
  after(delay: Milliseconds, then: () => void): Timer
}

/** A source of chance in [0, 1), as Math.random. */
export type Random = () => number

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** Structured log: `event` is a short constant phrase, all that varies is in `fields`. Never given a secret. */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/** A log that says nothing, for tests and tools. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
