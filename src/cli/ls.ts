/** `pailfs ls [SOURCE]`: the buckets of an account, or what is in one, without a mount. */
import type { Config } from '../mount/config.ts'
import type { Listed } from '../mount/list.ts'
import type { Arguments, Command } from './command.ts'
import { EXIT } from './exit.ts'
import type { Io } from './io.ts'
import { readOptions, yargsOptions } from './options.ts'
import { printable } from './status.ts'

export const lsCommand: Command = {
  command: 'ls [source]',
  describe: 'List the buckets of an account, or what is in a bucket',
  build: yargs =>
    yargs
      .positional('source', {
        type: 'string',
        default: 's3:',
        describe: 's3: or swift: for buckets; s3://BUCKET[/PREFIX] for what is in one',
      })
      .option('json', { type: 'boolean', describe: 'For programs' })
      .options(yargsOptions()),
  async run(args, io) {
    const { list } = await import('../mount/list.ts')
    const found = await list(await configOf(args, io), io.env)
    if (args['json'] === true) io.out(`${JSON.stringify(found, undefined, 2)}\n`)
    else for (const one of found) io.out(line(one))
    return EXIT.ok
  },
}

function line({ name, size, time }: Listed): string {
  const when =
    time === undefined ? '-' : new Date(time).toISOString().slice(0, 19).replace('T', ' ')
  const bytes = size === undefined ? '' : String(size)
  return `${when.padEnd(19)} ${bytes.padStart(14)}  ${printable(name)}\n`
}

/** The options that reach the bucket, as for a mount; the others mean nothing here. */
async function configOf(args: Arguments, io: Io): Promise<Config> {
  const options = readOptions({ line: args, dashO: new Map(), env: io.env })
  const { createConfig } = await import('../mount/config.ts')
  const { absolutePaths } = await import('../mount/folders.ts')
  const source = String(args['source'])
  const input = { ...absolutePaths(options), source, mountPoint: '/' }
  return createConfig(input, { uid: 0, gid: 0 })
}
