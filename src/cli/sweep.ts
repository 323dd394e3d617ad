/** `pailfs sweep SOURCE`: deletes what crashed daemons left in a bucket and nothing refers to. */
import type { Config } from '../mount/config.ts'
import { durationOf } from './command.ts'
import type { Arguments, Command } from './command.ts'
import { EXIT } from './exit.ts'
import type { Io } from './io.ts'
import { readOptions, yargsOptions } from './options.ts'
import { formatSize } from './units.ts'

export const sweepCommand: Command = {
  command: 'sweep <source>',
  describe: 'Delete segments that crashed daemons left on Swift and no object has',
  build: yargs =>
    yargs
      .positional('source', { type: 'string', describe: 'A container, or swift: for all' })
      .option('older', {
        type: 'string',
        requiresArg: true,
        describe: 'Give up unfinished uploads that nobody has gone on with for so long',
        defaultDescription: '7d',
      })
      .options(yargsOptions())
      .example('$0 sweep swift://photos', 'What nobody can use any more'),
  async run(args, io) {
    const given = durationOf(args, 'older')
    const { sweep } = await import('../mount/sweep.ts')
    const { ABANDONED } = await import('../mount/tidying.ts')
    const config = await configOf(args, io)
    const swept = await sweep(config, { age: given ?? ABANDONED, env: io.env })
    if (swept === undefined) io.out('this kind of store has no segments\n')
    else io.out(`${swept.segments} segments (${formatSize(swept.bytes)}) deleted\n`)
    return EXIT.ok
  },
}

/** The options that reach the bucket and find its journal, as for the mount. */
async function configOf(args: Arguments, io: Io): Promise<Config> {
  const options = readOptions({ line: args, dashO: new Map(), env: io.env })
  const { createConfig } = await import('../mount/config.ts')
  const { absolutePaths } = await import('../mount/folders.ts')
  const source = String(args['source'])
  const input = { logLevel: 'warn' as const, ...absolutePaths(options), source, mountPoint: '/' }
  return createConfig(input, { uid: 0, gid: 0 })
}
