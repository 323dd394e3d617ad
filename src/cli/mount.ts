/** `pailfs mount SOURCE DIR`: in the background unless told otherwise. */
import type { Config } from '../mount/config.ts'
import type { Argv } from 'yargs'
import type { Arguments, Command } from './command.ts'
import { parseDashO } from './dash-o.ts'
import { tellOfOthers } from './elsewhere.ts'
import { UsageError, explain } from './errors.ts'
import { EXIT } from './exit.ts'
import type { Io } from './io.ts'
import { readOptions, yargsOptions } from './options.ts'

export const mountCommand: Command = {
  command: 'mount <source> <dir>',
  describe: 'Mount a bucket on a directory',
  build: (yargs: Argv) =>
    yargs
      .positional('source', {
        type: 'string',
        describe:
          's3://BUCKET[/PREFIX] or swift://CONTAINER[/PREFIX]; s3: or swift: for all buckets',
      })
      .positional('dir', { type: 'string', describe: 'An empty directory' })
      .option('foreground', { alias: 'f', type: 'boolean', describe: 'Stay in the foreground' })
      .option('supervise', {
        type: 'boolean',
        describe: 'Start the daemon again if it dies (in the background that is so)',
      })
      .option('no-supervise', { type: 'boolean', describe: 'Leave a dead daemon dead' })
      .option('o', {
        type: 'string',
        requiresArg: true,
        describe: 'Options as mount(8) has them, with commas',
      })
      .options(yargsOptions())
      .example('$0 mount s3://photos /mnt/photos', 'AWS, with your usual credentials')
      .example('$0 mount s3: /mnt/s3', 'All buckets of the account')
      .example(
        '$0 mount s3://data/2026 /mnt/data -o ro,allow_other',
        'A part of a bucket, for reading by all',
      ),
  run: (args, io, words) => {
    if (args['supervise'] === true && args['no-supervise'] === true) {
      throw new UsageError('--supervise and --no-supervise exclude each other')
    }
    if (args['foreground'] !== true) return inBackground(args, io, words)
    return args['supervise'] === true ? supervised(args, io, words) : inForeground(args, io)
  },
}

async function inBackground(args: Arguments, io: Io, words: readonly string[]): Promise<number> {
  const config = await configOf(args, io)
  await tellOfOthers(config, io)
  const { startDaemon } = await import('../mount/daemon.ts')
  const { logFileOf } = await import('../mount/folders.ts')
  const logFile = logFileOf(config, io.env)
  const outcome = await startDaemon({
    args: [
      io.script,
      'mount',
      '--foreground',
      ...(args['no-supervise'] === true ? [] : ['--supervise']),
      ...unsupervised(words).slice(1),
    ],
    logFile,
    mountPoint: config.mountPoint,
    env: io.env,
  })
  if (outcome.ready) return EXIT.ok
  io.err(`pailfs: ${outcome.message}\n`)
  if (outcome.hint !== undefined) io.err(`  ${outcome.hint}\n`)
  io.err(`  Log: ${logFile}\n`)
  return outcome.exit
}

/** A small process beside the daemon's. */
async function supervised(args: Arguments, io: Io, words: readonly string[]): Promise<number> {
  const { tellParent } = await import('../mount/ready.ts')
  try {
    const config = await configOf(args, io)
    const { superviseMount } = await import('../mount/supervised.ts')
    return await superviseMount(config, {
      args: [io.script, ...unsupervised(words)],
      passing: [EXIT.store],
    })
  } catch (error) {
    tellParent({ ready: false, ...explain(error) })
    throw error
  }
}

function unsupervised(words: readonly string[]): readonly string[] {
  return words.filter(word => !/^--(no-)?supervise$/.test(word))
}

async function inForeground(args: Arguments, io: Io): Promise<number> {
  const { tellParent, READY_VARIABLE } = await import('../mount/ready.ts')
  try {
    const config = await configOf(args, io)
    // In the background the command that the user gave has told.
    if (io.env[READY_VARIABLE] === undefined) await tellOfOthers(config, io)
    const { runForeground } = await import('../mount/foreground.ts')
    const { left } = await runForeground(config, io.compose, () =>
      tellParent({ ready: true, pid: process.pid }),
    )
    return left > 0 ? EXIT.pending : EXIT.ok
  } catch (error) {
    tellParent({ ready: false, ...explain(error) })
    throw error
  }
}

async function configOf(args: Arguments, io: Io): Promise<Config> {
  const given = args['o']
  const dashO = parseDashO(
    (Array.isArray(given) ? given : [given]).filter(text => typeof text === 'string'),
  )
  const options = readOptions({ line: args, dashO: dashO.values, env: io.env })
  const { createConfig, parseSource } = await import('../mount/config.ts')
  const source = String(args['source'])
  parseSource(source)
  const { absolutePaths } = await import('../mount/folders.ts')
  const { realMountPoint } = await import('../mount/checks.ts')
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const input = {
    ...absolutePaths(options),
    source,
    flags: dashO.flags,
    mountPoint: String(args['dir']),
  }
  // Once to find what is wrong on the command line, then with the place as the kernel names it.
  createConfig(input, owner)
  return createConfig({ ...input, mountPoint: await realMountPoint(String(args['dir'])) }, owner)
}
