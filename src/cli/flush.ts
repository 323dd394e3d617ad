/** `pailfs flush [PATH]`: returns when it is in the bucket, or says why it is not. */
import { durationOf } from './command.ts'
import type { Command } from './command.ts'
import { CommandError, UsageError } from './errors.ts'
import { explainLeft, isLeft } from './left.ts'
import { EXIT } from './exit.ts'
import { allMounts, mountOf, withDaemon } from './find.ts'

const ADVICE = 'Once that is mended, pailfs flush tries it again; pailfs why PATH tells more'

export const flushCommand: Command = {
  command: 'flush [path]',
  describe: 'Wait until a file, a directory or everything is in the bucket',
  build: yargs =>
    yargs
      .positional('path', { type: 'string', describe: 'In a mount; all mounts if left out' })
      .option('timeout', {
        type: 'string',
        requiresArg: true,
        describe: 'Wait no longer',
        defaultDescription: 'as long as the bucket takes it',
      }),
  async run(args, io) {
    const limit = durationOf(args, 'timeout')
    if (limit === 0) throw new UsageError('--timeout: 0 leaves no time')
    const path = args['path']
    const targets =
      typeof path === 'string'
        ? [await mountOf(path, io)]
        : (await allMounts(io)).map(record => ({ record, path: '/' }))
    for (const target of targets) {
      await withDaemon(target.record, async client => {
        const done = client.call('flush', { path: target.path }).catch(async (error: unknown) => {
          throw isLeft(error) ? await explainLeft(client, target.path, error, ADVICE) : error
        })
        if (limit === undefined) return done
        const timer = new Promise<never>((_resolve, reject) => {
          const late = () =>
            reject(new CommandError(EXIT.pending, 'the time is up; it is not in the bucket yet'))
          setTimeout(late, limit).unref()
        })
        done.catch(() => {})
        return Promise.race([done, timer])
      })
    }
    return EXIT.ok
  },
}
