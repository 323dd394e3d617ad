/**
 * The end of a mount, in the order that loses nothing: no new work, everything to the bucket, out of the
 * kernel, everything that came meanwhile to the bucket, exit.
 *
 * Data that could not be sent stays in the journal for the next mount of the bucket, and is reported.
 */
import type { Clock, Log } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import { FsError } from '../core/errors.ts'
import type { KernelMount } from '../fuse/link.ts'
import { unmountPoint } from '../fuse/unmount.ts'
import type { Composed } from './compose.ts'
import { usersOf } from './users.ts'

/** Between two attempts to unmount a busy mount. */
const RETRY: Milliseconds = 500
/** For so long a signalled daemon waits for programs to let go; then the mount is detached under them. */
const BUSY_LIMIT: Milliseconds = 20_000

export interface EndingParts {
  readonly mountPoint: string
  readonly mount: KernelMount
  readonly composed: Composed
  readonly drainTimeout: Milliseconds
  readonly log: Log
  readonly clock: Clock
}

/**
 * For a signal: unmounts, retrying while programs have files open, at last by detaching. `signal` aborts
 * the waiting (a second SIGTERM).
 */
export async function leaveKernel(parts: EndingParts, signal: AbortSignal): Promise<void> {
  const { mount, log, clock, mountPoint } = parts
  const end = clock.now() + BUSY_LIMIT
  let told = false
  for (;;) {
    try {
      await mount.unmount()
      return
    } catch (error) {
      const busy = error instanceof FsError && error.errno === 'EBUSY'
      if (!busy || clock.now() >= end || signal.aborted) {
        log.warn('detaching a mount that is still in use', { mountPoint, cause: error })
        await unmountPoint(mountPoint, true)
        return
      }
      if (!told)
        log.info('waiting for programs to let go', { mountPoint, users: await usersOf(mountPoint) })
      told = true
    }
    await new Promise<void>(resolve => clock.after(RETRY, resolve))
  }
}

/** For `pailfs umount`: rejects with FsError EBUSY, naming the users, and leaves the mount as it is. */
export async function unmountOrExplain(parts: EndingParts): Promise<void> {
  try {
    await parts.mount.unmount()
  } catch (error) {
    if (!(error instanceof FsError) || error.errno !== 'EBUSY') throw error
    const users = await usersOf(parts.mountPoint)
    const by = users.length > 0 ? ` by ${users.join(', ')}` : ''
    throw new FsError('EBUSY', `${parts.mountPoint} is in use${by}`, error)
  }
}

/** Sends the rest. Resolves with the number of keys left. */
export async function drainRest(parts: EndingParts, signal: AbortSignal): Promise<number> {
  const left = await parts.composed.drain(parts.drainTimeout, signal)
  if (left > 0) {
    parts.log.error('ended with changes that are not in the bucket; they stay in the journal', {
      left,
      hint: 'mount the same bucket again to send them',
    })
  }
  return left
}
