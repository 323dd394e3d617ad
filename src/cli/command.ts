/** The shape of a subcommand. What is heavy is imported in `run`, so that help and errors are quick. */
import type { Argv } from 'yargs'
import type { Io } from './io.ts'

export type Arguments = Readonly<Record<string, unknown>>

export interface Command {
  readonly command: string
  readonly describe: string
  readonly build: (yargs: Argv) => Argv
  /** Resolves with the exit code; rejects with what `explain` understands. `words`: the command line as typed. */
  readonly run: (args: Arguments, io: Io, words: readonly string[]) => Promise<number>
}
