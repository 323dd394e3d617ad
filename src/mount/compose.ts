/**
 * The one place that builds the parts together: from a Config to a file system that answers, with its
 * store, caches, journal and write-back below it.
 */
import type { Clock, Log } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import type { MountControl } from '../control/api.ts'
import type { FileSystem } from '../fs/api.ts'
import type { Counters } from '../observe/metrics.ts'
import { ConfigError } from './config.ts'
import type { Config } from './config.ts'

/** All that a running mount needs of what lies below the kernel link. */
export interface Composed {
  readonly fs: FileSystem
  readonly control: MountControl
  /** One real round trip to the bucket with the credentials. Rejects with StoreError. */
  probe(): Promise<void>
  /**
   * Sends what is pending, for at most so long. Resolves with the number of keys left (they stay in the
   * journal). For the end of a mount: nothing writes any more.
   */
  drain(limit: Milliseconds, signal: AbortSignal): Promise<number>
  /** Closes journal, caches and sockets. Nothing may be called afterwards. */
  close(): Promise<void>
}

export interface ComposeParts {
  readonly log: Log
  readonly clock: Clock
  readonly counters: Counters
  /** The bucket's private folder on this machine: exists, locked for this process. */
  readonly folder: string
}

export type Compose = (config: Config, parts: ComposeParts) => Promise<Composed>

/** Not finished: needs `createFileSystem` (src/fs) and the store adapters. Rejects until then, loudly. */
export const compose: Compose = async config => {
  throw new ConfigError(
    `${config.source.text} cannot be mounted yet: the file system is not wired in`,
    'This is an unfinished build of pailfs',
  )
}
