/**
 * Ends a connection from our side, whoever still uses it: what waits in it gets ECONNABORTED. It is the only
 * thing that wakes a blocked reader while the mount lives on (detached, or seen in another name space), and
 * without that the process could not end.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { toolPath } from '../unmount.ts'

/** Where the kernel shows connections, by the minor number of the mount's device. */
const CONNECTIONS = '/sys/fs/fuse/connections'

/** Synchronous, for the very end of the process. `device`: as in the list of mounts. */
export function abortConnection(device: string): void {
  const file = `${CONNECTIONS}/${device.split(':')[1]}/abort`
  if (!existsSync(file)) {
    // Usually systemd has done this.
    const env = { ...process.env, PATH: toolPath() }
    spawnSync('mount', ['-t', 'fusectl', 'fusectl', CONNECTIONS], { env, stdio: 'ignore' })
  }
  if (existsSync(file)) writeFileSync(file, '1')
}
