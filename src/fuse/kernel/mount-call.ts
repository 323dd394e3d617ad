/**
 * Opens /dev/fuse and has mount(8) make the mount with it. That is for root only: an ordinary user gets the
 * device from fusermount3 over a socket, by SCM_RIGHTS, which Node cannot receive.
 */
import { spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import type { LinkOptions } from '../link.ts'
import { MountError } from '../link.ts'
import { mountAt } from '../mountinfo.ts'
import { toolPath } from '../unmount.ts'
import { MAX_IO } from './protocol.ts'

/** Where the child finds the device. */
const CHILD_FD = 3

/** Why this link cannot be used here; undefined: it can. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can mount without libfuse'
  if (LITTLE_ENDIAN) return undefined
  return 'only little-endian machines are known to it'
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** The descriptor of the mount's connection, from which nothing has been read. Rejects with MountError. */
export async function makeMount(options: LinkOptions): Promise<number> {
  const reason = whyNot()
  if (reason !== undefined) throw new MountError(reason, 'Leave --fuse=direct out')
  const { mountPoint } = options
  if (await mountAt(mountPoint)) {
    throw new MountError('the mount point is a mount already', 'Use an empty directory')
  }
  const device = openDevice()
  try {
    // The child is started beside the event loop, as looking at a mount that nobody serves would block.
    await runMount(mountArguments(options), device)
    return device
  } catch (error) {
    closeSync(device)
    throw error
  }
}

export function mountArguments(options: LinkOptions): string[] {
  const list = [
    `fd=${CHILD_FD}`,
    'rootmode=40000',
    `user_id=${process.getuid?.() ?? 0}`,
    `group_id=${process.getgid?.() ?? 0}`,
    `max_read=${MAX_IO}`,
    'default_permissions',
    'nosuid',
    'nodev',
    ...(options.allowOther ? ['allow_other'] : []),
    options.readOnly ? 'ro' : 'rw',
    ...options.flags,
  ]
  // Control characters would spoil the list of mounts.
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  const source = options.source.replaceAll(/[\u0000-\u001f]/g, '?')
  return ['-i', '-t', 'fuse.pailfs', '-o', list.join(','), '--', source, options.mountPoint]
}

function openDevice(): number {
  try {
    return openSync('/dev/fuse', constants.O_RDWR)
  } catch (error) {
    throw new MountError('/dev/fuse cannot be opened', 'Load the module: modprobe fuse', error)
  }
}

function runMount(args: string[], device: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('mount', args, {
      cwd: '/',
      env: { ...process.env, PATH: toolPath(), LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe', device],
    })
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.on('error', error => {
      reject(new MountError('mount(8) cannot be started', 'Install it (package mount)', error))
    })
    child.on('close', code => {
      if (code === 0) resolve()
      else
        reject(new MountError('the kernel refused the mount', said.trim().replaceAll('\n', '; ')))
    })
  })
}
