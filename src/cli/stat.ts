/** `pailfs stat PATH`: all that is known of an object, on one screen. */
import { lstat } from 'node:fs/promises'
import type { ObjectFacts } from '../control/api.ts'
import type { Command } from './command.ts'
import { CommandError } from './errors.ts'
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

/** The path as the daemon wants it: a directory's ends with a slash. Rejects as `mountOf`, or with CommandError. */
export async function pathInMount(text: string, io: Io) {
  const found = await mountOf(text, io)
  const isDirectory = (await look(text)).isDirectory()
  return { ...found, path: isDirectory && found.path !== '/' ? `${found.path}/` : found.path }
}

async function look(text: string) {
  try {
    return await lstat(text)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    throw new CommandError(EXIT.failure, `${text}: no such file or directory`)
  }
}

function print({ key, url, state, reason, bucket, stored }: ObjectFacts, io: Io): void {
  const line = (name: string, value: string) =>
    io.out(`${`${name}:`.padEnd(16)}${printable(value)}\n`)
  if (bucket) return printBucket(bucket, url, line)
  line('key', key)
  line('url', url)
  line('state', reason === undefined ? state : `${state}: ${reason}`)
  if (!stored) return line('stored', 'no object of that name')
  const { size, etag, modified, versionId, expiry, contentType, headers, user, tags, acl } = stored
  line('size', `${size} (${formatSize(size)})`)
  line('modified', new Date(modified).toISOString())
  line('etag', etag)
  if (versionId !== undefined) line('version', versionId)
  if (expiry !== undefined) line('expires', new Date(expiry).toISOString())
  line('content type', contentType ?? '')
  for (const [name, value] of Object.entries(headers)) line(dashed(name), value)
  for (const [name, value] of Object.entries(user)) line(`user.${name}`, value)
  const pairs = typeof tags === 'string' ? tags : Object.entries(tags).map(tag => tag.join('='))
  several('tag', pairs, line)
  several('acl', acl, line)
}

type Line = (name: string, value: string) => void

function printBucket(
  { name, created, acl }: NonNullable<ObjectFacts['bucket']>,
  url: string,
  line: Line,
): void {
  line('bucket', name)
  if (url !== '') line('url', url)
  if (created !== undefined) line('created', new Date(created).toISOString())
  several('acl', acl, line)
}

/** A line each; or why they are not known, unless the store has none of the kind. */
function several(name: string, values: readonly string[] | string, line: Line): void {
  if (typeof values !== 'string') for (const value of values) line(name, value)
  else if (!values.startsWith('unsupported:')) line(name, values)
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}
