/** Tells of changes that wait in other journals for a bucket of the same name. */
import type { Config } from '../mount/config.ts'
import type { Io } from './io.ts'

export async function tellOfOthers(config: Config, io: Io): Promise<void> {
  const { siblingsOf } = await import('../mount/siblings.ts')
  for (const { folder, pending, command } of await siblingsOf(config, io.env)) {
    const changes = pending === 1 ? '1 change waits' : `${pending} changes wait`
    io.err(
      `pailfs: warning: ${changes} for a bucket of this name at another address or account: ${folder}\n` +
        `  They are not part of this. To send them: ${command}\n`,
    )
  }
}
