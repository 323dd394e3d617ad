/** A `Compose` over `MemoryFs`, whose pending changes, failures and probe are told by files in a folder. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FsError, StoreError } from '../../src/core/errors.ts'
import type { Compose, Composed } from '../../src/mount/compose.ts'
import { withFaults } from './faulty-fs.ts'
import { MemoryFs } from './memory-fs.ts'

/**
 * In `folder`: `denied` lets the probe fail; `pending` holds a number of changes that flush waits for until
 * the file is gone; `parked` makes flush fail.
 */
export function memoryCompose(folder: string): Compose {
  const file = (name: string) => join(folder, name)
  const pending = () =>
    existsSync(file('pending')) ? Number(readFileSync(file('pending'), 'utf8')) : 0
  const settled = async (signal?: AbortSignal, limit = Infinity): Promise<number> => {
    const end = Date.now() + limit
    for (;;) {
      const stop = signal?.aborted === true || Date.now() >= end
      if (stop || pending() === 0) break
      await new Promise(r => setTimeout(r, 20))
    }
    return pending()
  }
  return async (config, parts): Promise<Composed> => ({
    fs: withFaults(new MemoryFs(config.owner)),
    control: {
      status: () => ({
        pending: pending(),
        pendingBytes: pending() * 1024,
        sending: 0,
        failed: existsSync(file('parked')) ? 1 : 0,
        items: [],
        conflicts: [],
      }),
      flush: async (_path, signal) => {
        if (existsSync(file('parked'))) throw new FsError('EACCES', 'Access Denied')
        await settled(signal)
      },
      why: async path => [
        { path, text: 'denied: Access Denied (PutObject)', hint: 'Ask the owner' },
      ],
      url: async path => `https://bucket.example${path}`,
    },
    probe: async () => {
      if (existsSync(file('stuck'))) await new Promise(r => setTimeout(r, 60_000))
      if (existsSync(file('denied'))) {
        throw new StoreError('denied', 'Access Denied', {
          operation: 'ListObjectsV2',
          code: 'AccessDenied',
          status: 403,
          requestId: 'REQ7',
        })
      }
    },
    drain: (limit, signal) => settled(signal, limit),
    close: async () => {
      parts.log.info('closed')
      rmSync(file('open'), { force: true })
    },
  })
}
