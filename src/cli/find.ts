/** From a path that the user typed to the mount it lies in. */
import { realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ControlClient } from '../control/client.ts'
import type { MountRecord } from '../mount/records.ts'
import { CommandError } from './errors.ts'
import { EXIT } from './exit.ts'
import type { Io } from './io.ts'

export interface Found {
  readonly record: MountRecord
  /** From the mount's root, with a leading slash. */
  readonly path: string
}

/** All live mounts of this user. */
export async function allMounts(io: Io): Promise<readonly MountRecord[]> {
  const { listRecords } = await import('../mount/records.ts')
  const { runFolders } = await import('../mount/folders.ts')
  return listRecords(runFolders(io.env))
}

/** The mount that a path lies in. Rejects with CommandError `notMounted`. */
export async function mountOf(text: string, io: Io): Promise<Found> {
  const mounts = await allMounts(io)
  for (const path of await spellings(text)) {
    const inside = mounts.filter(
      ({ mountPoint }) => path === mountPoint || path.startsWith(`${mountPoint}/`),
    )
    const record = inside.toSorted((a, b) => a.mountPoint.length - b.mountPoint.length).at(-1)
    if (record) return { record, path: path.slice(record.mountPoint.length) || '/' }
  }
  throw new CommandError(
    EXIT.notMounted,
    `${text} is not in a pailfs mount of yours`,
    'pailfs status shows your mounts',
  )
}

/** Runs `action` with a connection to the mount's daemon. */
export async function withDaemon<T>(
  record: MountRecord,
  action: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await ControlClient.connect(record.socket)
  try {
    return await action(client)
  } finally {
    client.close()
  }
}

/** As typed, and with links on the way to its folder followed; a symlink itself is what the user means. */
async function spellings(text: string): Promise<readonly string[]> {
  const path = resolve(text)
  const followed = await realpath(dirname(path)).then(
    folder => join(folder, basename(path)),
    () => path,
  )
  const whole = await realpath(path).catch(() => path)
  return [...new Set([path, followed, whole])]
}
