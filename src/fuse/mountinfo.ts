/**
 * The kernel's list of mounts. It is read, never the mount point itself: touching a mount of our own from
 * inside its process, or one whose daemon hangs, would hang us.
 */
import { readFile } from 'node:fs/promises'

export interface MountEntry {
  /** Unique while the mount lives. */
  readonly id: number
  /** `major:minor` of the file system's device number. */
  readonly device: string
  readonly mountPoint: string
  /** E.g. `fuse.pailfs`. */
  readonly type: string
  readonly source: string
}

const FILE = '/proc/self/mountinfo'
/** `pailfs` as libfuse and the kernel show it. */
export const PAILFS_TYPE = 'fuse.pailfs'

/** All mounts that this process sees, in order: of two on one place the later covers the earlier. */
export async function readMounts(): Promise<readonly MountEntry[]> {
  return parseMounts(await readFile(FILE, 'utf8'))
}

/** The mount that shows at exactly this absolute path. */
export async function mountAt(path: string): Promise<MountEntry | undefined> {
  const mounts = await readMounts()
  return mounts.findLast(mount => mount.mountPoint === path)
}

/** proc(5): `id parent dev root POINT options optional... - TYPE SOURCE super`. */
export function parseMounts(text: string): readonly MountEntry[] {
  const entries: MountEntry[] = []
  for (const line of text.split('\n')) {
    const separator = line.indexOf(' - ')
    if (separator < 0) continue
    const left = line.slice(0, separator).split(' ')
    const right = line.slice(separator + 3).split(' ')
    entries.push({
      id: Number(left[0]),
      device: left[2] ?? '',
      mountPoint: unescape(left[4] ?? ''),
      type: right[0] ?? '',
      source: unescape(right[1] ?? ''),
    })
  }
  return entries
}

/** Space, tab, newline and backslash are `\ooo`, byte by byte. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
