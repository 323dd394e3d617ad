/** `pailfs url PATH`: an address that anybody can download a file with for a while, or its plain one. */
import type { Command } from './command.ts'
import { durationOf } from './command.ts'
import { UsageError } from './errors.ts'
import { EXIT } from './exit.ts'
import { withDaemon } from './find.ts'
import { pathInMount } from './stat.ts'

const HOUR = 3_600_000

export const urlCommand: Command = {
  command: 'url <path>',
  describe: 'Print an address to download a file with',
  build: yargs =>
    yargs
      .positional('path', { type: 'string', describe: 'A file in a mount' })
      .option('expires', {
        type: 'string',
        requiresArg: true,
        describe: 'How long the signature is good',
        defaultDescription: '1h',
      })
      .option('unsigned', { type: 'boolean', describe: 'The plain address, for public files' }),
  async run(args, io) {
    const given = durationOf(args, 'expires')
    const unsigned = args['unsigned'] === true
    if (unsigned && given !== undefined) {
      throw new UsageError('--expires and --unsigned exclude each other')
    }
    if (given !== undefined && given < 1000) throw new UsageError('--expires: at least 1s')
    const { record, path } = await pathInMount(String(args['path']), io)
    const params = unsigned ? { path } : { path, expires: given ?? HOUR }
    io.out(`${await withDaemon(record, client => client.call('url', params))}\n`)
    return EXIT.ok
  },
}
