/** Unmounting where no daemon of this user answers: dead mounts, other users' mounts, and by force. */
import { PAILFS_TYPE, mountAt } from '../fuse/mountinfo.ts'
import { unmountPoint } from '../fuse/unmount.ts'
import { clearDeadMount, realMountPoint } from './checks.ts'

/** False if no mount of pailfs is there. Rejects with FsError EBUSY while it is in use. */
export async function unmountWithoutDaemon(path: string): Promise<boolean> {
  const mountPoint = await realMountPoint(path)
  if (await clearDeadMount(mountPoint)) return true
  const mounted = await mountAt(mountPoint)
  if (mounted?.type !== PAILFS_TYPE) return false
  await unmountPoint(mountPoint)
  return true
}

/** Out of the way at once, under whoever uses it. False if no mount of pailfs is there. */
export async function detachMount(path: string): Promise<boolean> {
  const mountPoint = await realMountPoint(path)
  const mounted = await mountAt(mountPoint)
  if (mounted?.type !== PAILFS_TYPE) return false
  await unmountPoint(mountPoint, true)
  return true
}
