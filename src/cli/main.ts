/**
 * The command line. `main` returns the exit code and ends no process, so that tests can call it; only
 * yargs and small modules are loaded before a command is known.
 */
import yargs from 'yargs'
import type { Argv } from 'yargs'
import type { Arguments, Command } from './command.ts'
import { UsageError, explain } from './errors.ts'
import { EXIT } from './exit.ts'
import { flushCommand } from './flush.ts'
import { processIo } from './io.ts'
import type { Io } from './io.ts'
import { lsCommand } from './ls.ts'
import { mountCommand } from './mount.ts'
import { recoverCommand } from './recover.ts'
import { statCommand } from './stat.ts'
import { statusCommand } from './status.ts'
import { sweepCommand } from './sweep.ts'
import { umountCommand } from './umount.ts'
import { urlCommand } from './url.ts'
import { version } from './version.ts'
import { whyCommand } from './why.ts'

const COMMANDS: readonly Command[] = [
  mountCommand,
  umountCommand,
  statusCommand,
  flushCommand,
  whyCommand,
  urlCommand,
  lsCommand,
  statCommand,
  recoverCommand,
  sweepCommand,
]

/** `argv` without node and script. */
export async function main(argv: readonly string[], io: Io = processIo): Promise<number> {
  // mount.fuse(8) calls us as `pailfs s3://bucket /dir -o options`.
  const words = /^[a-z0-9]+:(\/\/|$)/.test(argv[0] ?? '') ? ['mount', ...argv] : argv
  try {
    return await dispatch(words, io)
  } catch (error) {
    const { message, hint, exit } = explain(error)
    io.err(`pailfs: ${message}\n`)
    if (hint !== undefined) io.err(`  ${hint}\n`)
    else if (exit === EXIT.usage) io.err(`  ${helpLine(words)}\n`)
    return exit
  }
}

async function dispatch(words: readonly string[], io: Io): Promise<number> {
  let chosen: { command: Command; args: Arguments } | undefined
  let parser = base(words)
  for (const command of COMMANDS) {
    parser = parser.command(
      command.command,
      command.describe,
      inner => command.build(inner),
      args => void (chosen = { command, args }),
    )
  }
  let shown = ''
  await parser.parseAsync([...words], {}, (_error: unknown, _args: unknown, output: string) => {
    shown = output
  })
  if (shown !== '') io.out(`${shown}\n`)
  return chosen && shown === '' ? chosen.command.run(chosen.args, io, words) : EXIT.ok
}

function base(words: readonly string[]): Argv {
  return yargs()
    .scriptName('pailfs')
    .usage('$0: S3 and Swift buckets as directories')
    .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false })
    .demandCommand(1, 'What shall be done?')
    .strict()
    .wrap(100)
    .help()
    .alias('help', 'h')
    .version(version())
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UsageError(inOurWords(message, words))
    })
}

/** What yargs says with a count, by name. */
function inOurWords(message: string, words: readonly string[]): string {
  const typed = words[0] ?? ''
  const command = commandOf(typed)
  if (!command && /^[^-]/.test(typed)) return `Unknown command: ${typed}`
  const missing = /^Not enough non-option arguments: got (\d+)/.exec(message)
  if (!command || !missing) return message
  const names = command.command.match(/<\w+>/g)?.slice(Number(missing[1])) ?? []
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} missing: pailfs ${command.command}`
}

function helpLine(words: readonly string[]): string {
  return `See pailfs ${commandOf(words[0]) ? `${words[0]} ` : ''}--help`
}

function commandOf(name: string | undefined): Command | undefined {
  return COMMANDS.find(({ command }) => command.split(' ')[0] === name)
}
