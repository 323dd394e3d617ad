/** The shape of a subcommand. What is heavy is imported in `run`, so that help and errors are quick. */
import type { Argv } from 'yargs'
import type { Milliseconds } from '../core/types.ts'
import type { Io } from './io.ts'
import { parseDuration } from './units.ts'

export type Arguments = Readonly<Record<string, unknown>>

/** A time given as an option. Throws UnitError. */
export function durationOf(args: Arguments, name: string): Milliseconds | undefined {
  const text = args[name]
  return typeof text === 'string' ? parseDuration(text) : undefined
}

export interface Command {
  readonly command: string
  readonly describe: string
  readonly build: (yargs: Argv) => Argv
  /** Resolves with the exit code; rejects with what `explain` understands. `words`: the command line as typed. */
  readonly run: (args: Arguments, io: Io, words: readonly string[]) => Promise<number>
}
