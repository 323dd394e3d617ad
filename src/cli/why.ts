/** `pailfs why PATH`: what the store said when something went wrong with a path. */
import type { Command } from './command.ts'
import { EXIT } from './exit.ts'
import { mountOf, withDaemon } from './find.ts'
import { printable } from './status.ts'

export const whyCommand: Command = {
  command: 'why <path>',
  describe: 'Tell why an operation on a path failed',
  build: yargs =>
    yargs.positional('path', { type: 'string', describe: 'A file or directory in a mount' }),
  async run(args, io) {
    const { record, path } = await mountOf(String(args['path']), io)
    const findings = await withDaemon(record, client => client.call('why', { path }))
    if (findings.length === 0) io.out('Nothing is known to be wrong with it.\n')
    let before: string | undefined
    for (const { path: where, at, text, hint } of findings) {
      const time = at === undefined ? '' : `${new Date(at).toISOString()} `
      io.out(`${time}${printable(where)}: ${printable(text)}\n`)
      if (hint !== undefined && hint !== before) io.out(`  ${hint}\n`)
      before = hint
    }
    return EXIT.ok
  },
}
