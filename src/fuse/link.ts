/**
 * How the kernel is spoken to: one small interface, so that fuse-native (`native/`) and the FUSE protocol
 * itself (`kernel/`) are interchangeable. A link turns the kernel's requests into calls of `FileSystem`
 * and its answers into replies; it knows nothing of what lies below `FileSystem`.
 *
 * Invariant of every link: each request of the kernel is answered once and within its deadline, whatever
 * the file system does, since a request that is never answered leaves its caller unkillable.
 */
import type { Clock, Log } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import type { FileSystem } from '../fs/api.ts'

/** Flags of mount(8) that the kernel itself keeps. */
export type MountFlag = 'noexec' | 'nosuid' | 'nodev' | 'noatime' | 'sync'

/** How long a request may stay unanswered before the link answers ETIMEDOUT in the file system's place. */
export interface Deadlines {
  /** What waits for the bucket by contract: flush, fsync, fsyncdir, release, copies on the server. */
  readonly durable: Milliseconds
  readonly other: Milliseconds
}

export const DEFAULT_DEADLINES: Deadlines = { durable: 600_000, other: 300_000 }

export interface LinkOptions {
  /** Absolute, an existing directory. */
  readonly mountPoint: string
  /** What df and mount show as the device, e.g. `s3://bucket`. Any text. */
  readonly source: string
  readonly readOnly: boolean
  readonly allowOther: boolean
  readonly nonEmpty: boolean
  /** How long the kernel may answer stat from memory. More than 0 weakens close-to-open: see docs/semantics.md. */
  readonly attrTimeout: Milliseconds
  /** How long the kernel may use a name's inode without asking again. */
  readonly entryTimeout: Milliseconds
  /** False: extended attributes are not implemented at all, which saves the kernel a question before each write. */
  readonly xattr: boolean
  readonly flags: readonly MountFlag[]
  /** Background requests (read-ahead, releases) in flight. */
  readonly maxBackground: number
  readonly deadlines: Deadlines
}

/** A mount that answers. */
export interface KernelMount {
  /**
   * Ends the mount; resolves when the kernel has let go of it. Rejects with FsError EBUSY while files are
   * open in it (it stays mounted then), EIO for other failures. Never lazy.
   */
  unmount(): Promise<void>
  /** Calls `then` once when the mount is gone, by `unmount` or from outside. Noticed within about a second. */
  onUnmounted(then: () => void): void
  /** Requests not answered yet. */
  readonly pending: number
  /** Inodes that the kernel remembers, where the link knows. */
  readonly inodes?: number
}

export interface KernelLink {
  /** Resolves when the kernel has the mount and asks us. Rejects with MountError, leaving nothing mounted. */
  mount(fs: FileSystem, options: LinkOptions): Promise<KernelMount>
}

/** What a link is given besides: no link reaches for time or a log by itself. */
export interface LinkParts {
  readonly log: Log
  readonly clock: Clock
}

/** Why a mount could not be made, and what a person can do. */
export class MountError extends Error {
  override readonly name = 'MountError'
  readonly hint: string | undefined

  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.hint = hint
  }
}
