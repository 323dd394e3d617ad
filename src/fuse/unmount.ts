/** Ending a mount with the system's own tool, without a shell. */
import { execFile } from 'node:child_process'
import { FsError } from '../core/errors.ts'

/** Tried in turn; a tool that is not installed is passed by. umount(8) works for root only. */
const TOOLS = [
  { file: 'fusermount3', plain: ['-u', '--'], lazy: ['-u', '-z', '--'] },
  { file: 'fusermount', plain: ['-u', '--'], lazy: ['-u', '-z', '--'] },
  { file: 'umount', plain: ['-i', '--'], lazy: ['-i', '-l', '--'] },
] as const

/** mount(8) starts its helpers without a PATH. */
const USUAL = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Where tools are looked for: the user's PATH, then the usual folders. */
export function toolPath(): string {
  const path = process.env['PATH'] ?? ''
  return path === '' ? USUAL : `${path}:${USUAL}`
}

/**
 * Rejects with FsError EBUSY while the mount is in use, EIO for the rest. `lazy` detaches it under its users:
 * for dead mounts, and for the last resort.
 */
export async function unmountPoint(mountPoint: string, lazy = false): Promise<void> {
  for (const tool of TOOLS) {
    const outcome = await run(tool.file, [...(lazy ? tool.lazy : tool.plain), mountPoint])
    if (outcome === 'done') return
    if (outcome === 'missing') continue
    if (/busy/i.test(outcome.said)) {
      throw new FsError(
        'EBUSY',
        `${mountPoint} is in use: a program has a file open or works in it`,
      )
    }
    throw new FsError('EIO', `${tool.file}: ${outcome.said || 'failed without saying why'}`)
  }
  throw new FsError('EIO', 'fusermount3 is not installed (package fuse3)')
}

function run(file: string, args: string[]): Promise<'done' | 'missing' | { said: string }> {
  return new Promise(resolve => {
    execFile(
      file,
      args,
      { env: { ...process.env, PATH: toolPath(), LC_ALL: 'C' } },
      (error, _out, said) => {
        if (!error) resolve('done')
        else if ('code' in error && error.code === 'ENOENT') resolve('missing')
        else resolve({ said: said.trim().replaceAll('\n', '; ') })
      },
    )
  })
}
