/** Who keeps a mount busy, from /proc: links are read, the mount itself is not touched. */
import { readFile, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** At most so many are named. */
const MOST = 5

/** `vim (1234)` and so on: processes of this user (of everybody, for root) with a file or folder open in the mount. */
export async function usersOf(mountPoint: string): Promise<readonly string[]> {
  const users: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    if (!(await usesMount(pid, mountPoint))) continue
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?')
    users.push(`${name.trim()} (${pid})`)
    if (users.length >= MOST) break
  }
  return users
}

async function usesMount(pid: string, mountPoint: string): Promise<boolean> {
  const folder = `/proc/${pid}`
  const descriptors = await readdir(join(folder, 'fd')).catch(() => [])
  const links = ['cwd', 'root', 'exe', ...descriptors.map(name => join('fd', name))]
  for (const link of links) {
    const target = await readlink(join(folder, link)).catch(() => '')
    if (target === mountPoint || target.startsWith(`${mountPoint}/`)) return true
  }
  return false
}
