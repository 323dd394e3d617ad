/** `pailfs url PATH`: a file's address in the bucket, signed if asked. */
import { durationOf } from './command.ts'
import type { Command } from './command.ts'
import { EXIT } from './exit.ts'
import { mountOf, withDaemon } from './find.ts'

export const urlCommand: Command = {
  command: 'url <path>',
  describe: 'Print the address of a file in the bucket',
  build: yargs =>
    yargs.positional('path', { type: 'string', describe: 'A file in a mount' }).option('expires', {
      type: 'string',
      requiresArg: true,
      describe: 'Signed, good for so long',
    }),
  async run(args, io) {
    const { record, path } = await mountOf(String(args['path']), io)
    const expires = durationOf(args, 'expires')
    io.out(
      `${await withDaemon(record, client => client.call('url', { path, ...(expires === undefined ? {} : { expires }) }))}\n`,
    )
    return EXIT.ok
  },
}
