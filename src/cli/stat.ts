/** `pailfs stat PATH`: all that is known of an object, on one screen. */
import { lstat } from 'node:fs/promises'
import type { ObjectFacts } from '../control/api.ts'
import type { Command } from './command.ts'
import { EXIT } from './exit.ts'
import { mountOf, withDaemon } from './find.ts'
import type { Io } from './io.ts'
import { printable } from './status.ts'
import { formatSize } from './units.ts'

export const statCommand: Command = {
  command: 'stat <path>',
  describe: 'Show all that is known of a file in the bucket',
  build: yargs =>
    yargs
      .positional('path', { type: 'string', describe: 'A file or directory in a mount' })
      .option('json', { type: 'boolean', describe: 'For programs' }),
  async run(args, io) {
    const path = await pathInMount(String(args['path']), io)
    const facts = await withDaemon(path.record, client => client.call('stat', { path: path.path }))
    if (args['json'] === true) io.out(`${JSON.stringify(facts, undefined, 2)}\n`)
    else print(facts, io)
    return EXIT.ok
  },
}

/** The path as the daemon wants it: a directory's ends with a slash. Rejects as `mountOf` and stat(2). */
export async function pathInMount(text: string, io: Io) {
  const found = await mountOf(text, io)
  const isDirectory = (await lstat(text)).isDirectory()
  return { ...found, path: isDirectory && found.path !== '/' ? `${found.path}/` : found.path }
}

function print({ key, url, state, reason, stored }: ObjectFacts, io: Io): void {
  const line = (name: string, value: string) =>
    io.out(`${`${name}:`.padEnd(16)}${printable(value)}\n`)
  line('key', key)
  line('url', url)
  line('state', reason === undefined ? state : `${state}: ${reason}`)
  if (!stored) return line('stored', key === '' ? 'the whole bucket' : 'no object of that name')
  const { size, etag, modified, versionId, expiry, contentType, headers, user, tags, acl } = stored
  line('size', `${size} (${formatSize(size)})`)
  line('modified', new Date(modified).toISOString())
  line('etag', etag)
  if (versionId !== undefined) line('version', versionId)
  if (expiry !== undefined) line('expires', new Date(expiry).toISOString())
  line('content type', contentType ?? '')
  for (const [name, value] of Object.entries(headers)) line(dashed(name), value)
  for (const [name, value] of Object.entries(user)) line(`user.${name}`, value)
  if (typeof tags === 'string') line('tags', tags)
  else for (const [name, value] of Object.entries(tags)) line('tag', `${name}=${value}`)
  if (typeof acl === 'string') line('acl', acl)
  else for (const grant of acl) line('acl', grant)
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}
