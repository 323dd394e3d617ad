/**
 * What can be known before the kernel is asked. Its own refusals come without a reason (libfuse says only
 * "fuse failed", and fusermount's message is lost), so each known cause is looked for here, with its remedy.
 */
import { constants } from 'node:fs'
import { access, readFile, readdir, realpath, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { MountError } from '../fuse/link.ts'
import { PAILFS_TYPE, mountAt } from '../fuse/mountinfo.ts'
import { toolPath, unmountPoint } from '../fuse/unmount.ts'

export interface CheckOptions {
  readonly nonEmpty: boolean
  readonly allowOther: boolean
}

/**
 * The mount point as the kernel names it: absolute, without links. A path whose last part is a dead mount
 * can still be named.
 */
export async function realMountPoint(given: string): Promise<string> {
  const path = resolve(given)
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) === 'ENOTCONN') return join(await realpath(dirname(path)), basename(path))
    if (codeOf(error) === 'ENOENT') {
      throw new MountError(`${path} does not exist`, `Make it first: mkdir -p ${path}`)
    }
    throw new MountError(`${path} cannot be used: ${reason(error)}`, undefined, error)
  }
}

/** Takes away what a killed daemon left at the mount point. True if there was something. */
export async function clearDeadMount(mountPoint: string): Promise<boolean> {
  if (!(await isDeadMount(mountPoint))) return false
  await unmountPoint(mountPoint, true)
  return true
}

/** Whether a mount of pailfs is there whose daemon was killed. */
export async function isDeadMount(mountPoint: string): Promise<boolean> {
  const there = await mountAt(mountPoint)
  if (there?.type !== PAILFS_TYPE) return false
  try {
    await stat(mountPoint)
    return false
  } catch (error) {
    return codeOf(error) === 'ENOTCONN'
  }
}

/** Throws MountError with a remedy for the first thing that would make the mount fail. */
export async function checkMount(mountPoint: string, options: CheckOptions): Promise<void> {
  await checkFolder(mountPoint, options)
  await checkDevice()
  await checkTools()
  await checkUser(mountPoint, options)
}

async function checkFolder(mountPoint: string, options: CheckOptions): Promise<void> {
  const mounted = await mountAt(mountPoint)
  if (mounted) {
    throw new MountError(
      `${mountPoint} is a mount already: ${mounted.source} (${mounted.type})`,
      mounted.type === PAILFS_TYPE
        ? `Unmount it first: pailfs umount ${mountPoint}`
        : 'Use a plain directory',
    )
  }
  const found = await stat(mountPoint).catch((error: unknown) => {
    throw new MountError(`${mountPoint} cannot be used: ${reason(error)}`, undefined, error)
  })
  if (!found.isDirectory())
    throw new MountError(`${mountPoint} is not a directory`, 'Mount on a directory')
  if (options.nonEmpty) return
  const inside = await readdir(mountPoint).catch((error: unknown) => {
    throw new MountError(
      `${mountPoint} cannot be read: ${reason(error)}`,
      'Mount on a directory of your own',
      error,
    )
  })
  if (inside.length > 0) {
    throw new MountError(
      `${mountPoint} is not empty`,
      'Choose an empty directory, or hide what is in it with -o nonempty',
    )
  }
}

async function checkDevice(): Promise<void> {
  try {
    await access('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw new MountError(
        '/dev/fuse is not there',
        'Load the module: modprobe fuse. In a container: --device /dev/fuse --cap-add SYS_ADMIN',
        error,
      )
    }
    throw new MountError(
      '/dev/fuse may not be opened by you',
      'As root: chmod 666 /dev/fuse, or join its group (often "fuse")',
      error,
    )
  }
}

async function checkTools(): Promise<void> {
  const isRoot = process.getuid?.() === 0
  if (await isOnPath('fusermount')) return
  if (isRoot && (await isOnPath('fusermount3'))) return
  if (await isOnPath('fusermount3')) {
    throw new MountError(
      'fusermount is not installed: libfuse 2 runs it under that name for ordinary users',
      'Install package fuse (version 2), or as root: ln -s fusermount3 /usr/bin/fusermount',
    )
  }
  throw new MountError(
    'fusermount3 is not installed',
    'Install it: apt install fuse3, or dnf install fuse3',
  )
}

async function checkUser(mountPoint: string, options: CheckOptions): Promise<void> {
  const uid = process.getuid?.() ?? 0
  if (uid === 0) return
  try {
    userInfo()
  } catch (error) {
    throw new MountError(
      `the user number ${uid} is not in /etc/passwd, and fusermount3 refuses such users`,
      'Give the user an entry there',
      error,
    )
  }
  // fusermount3 looks there for whose a mount is.
  await access('/etc/mtab').catch((error: unknown) => {
    throw new MountError(
      '/etc/mtab is not there, and without it fusermount3 takes no mount away',
      'As root: ln -s /proc/self/mounts /etc/mtab',
      error,
    )
  })
  if (options.allowOther && !(await allowsOthers())) {
    throw new MountError(
      'allow_other is not permitted to ordinary users here',
      'As root add the line "user_allow_other" to /etc/fuse.conf, or leave allow_other out',
    )
  }
  const { uid: owner, mode } = await stat(mountPoint)
  if (owner !== uid && (mode & 0o1000) !== 0) {
    throw new MountError(
      `${mountPoint} belongs to somebody else and is sticky`,
      'Mount on a directory of your own',
    )
  }
  try {
    await access(mountPoint, constants.W_OK)
  } catch (error) {
    throw new MountError(
      `${mountPoint} is not writable for you, and fusermount3 asks for that`,
      'Mount on a directory of your own',
      error,
    )
  }
}

async function allowsOthers(): Promise<boolean> {
  const text = await readFile('/etc/fuse.conf', 'utf8').catch(() => '')
  return text.split('\n').some(line => line.trim() === 'user_allow_other')
}

async function isOnPath(tool: string): Promise<boolean> {
  for (const folder of toolPath().split(delimiter)) {
    if (folder === '') continue
    try {
      await access(join(folder, tool), constants.X_OK)
      return true
    } catch {
      // Not in this one.
    }
  }
  return false
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
