/**
 * Faults by file name, for a mount that runs in another process: looking up `fault-KIND` misbehaves as KIND says.
 */
import { FsError, StoreError } from '../../src/core/errors.ts'
import type { Errno } from '../../src/core/errors.ts'
import type { Attr, FileSystem } from '../../src/fs/api.ts'
import type { Ino } from '../../src/core/types.ts'

const FAULTS: Readonly<Record<string, () => Promise<Attr>>> = {
  throws: () => {
    throw new TypeError('thrown before any promise')
  },
  rejects: () => Promise.reject(new Error('rejected')),
  'rejects-undefined': () => Promise.reject(undefined),
  'rejects-string': () => Promise.reject('a text'),
  'strange-errno': () => Promise.reject(new FsError('EUNHEARDOF' as Errno, 'no such errno')),
  'resolves-undefined': () => Promise.resolve(undefined as unknown as Attr),
  'returns-undefined': () => undefined as unknown as Promise<Attr>,
  'throws-later': () => {
    setImmediate(() => {
      throw new TypeError('thrown where nobody listens')
    })
    return Promise.reject(new FsError('ENOENT', 'thrown later'))
  },
  'rejects-unheard': () => {
    void Promise.reject(new TypeError('rejected where nobody listens'))
    return Promise.reject(new FsError('ENOENT', 'rejected unheard'))
  },
  never: () => new Promise(() => {}),
  denied: () =>
    Promise.reject(
      new StoreError('denied', 'Access Denied', {
        operation: 'HeadObject',
        key: 'fault-denied',
        code: 'AccessDenied',
        requestId: 'REQ1',
      }),
    ),
}

/** The same file system with a `lookup` that has the faults. */
export function withFaults(fs: FileSystem): FileSystem {
  const lookup = fs.lookup.bind(fs)
  fs.lookup = (parent: Ino, name: string) => {
    const fault = name.startsWith('fault-') ? FAULTS[name.slice(6)] : undefined
    return fault ? fault() : lookup(parent, name)
  }
  return fs
}
