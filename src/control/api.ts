/**
 * What can be asked of a running mount from outside, and the answers: plain data, so that it travels as JSON.
 * Paths are as seen in the mount, with a leading slash; `/` is the whole mount.
 */
import type { Bytes, Milliseconds } from '../core/types.ts'

export type PendingState = 'waiting' | 'sending' | 'retrying' | 'parked'

/** One key that the bucket does not have as desired yet. */
export interface PendingItem {
  readonly path: string
  readonly state: PendingState
  readonly bytes: Bytes
  /** For `retrying` and `parked`: what the store said, with code and request id where known. */
  readonly reason?: string
  /** What a person can do about it. */
  readonly hint?: string
  readonly since?: Milliseconds
}

export interface WritebackStatus {
  /** Keys not yet in the bucket as desired. */
  readonly pending: number
  readonly pendingBytes: Bytes
  readonly sending: number
  /** Of the pending: those that wait for a person (`parked`). */
  readonly failed: number
  /** The first so many of them, failures first. */
  readonly items: readonly PendingItem[]
  /** Files kept beside a newer remote version since the mount began: the path, and what of their bytes is lost. */
  readonly conflicts: readonly string[]
}

export interface MountStatus extends WritebackStatus {
  readonly pid: number
  readonly source: string
  readonly mountPoint: string
  readonly since: Milliseconds
  readonly readOnly: boolean
  /** `mounted`, or `draining` when the mount has gone and data is still being sent. */
  readonly state: 'mounted' | 'draining'
  readonly logFile?: string
  readonly counters: Readonly<Record<string, number>>
}

/** One line of the answer to "why?": what happened to a path and what can be done. */
export interface Finding {
  readonly path: string
  readonly at?: Milliseconds
  readonly text: string
  readonly hint?: string
}

/** All that is known of one object, in the order it is shown. */
export interface ObjectFacts {
  readonly key: string
  readonly url: string
  /** As `pail.state` has it: stored, waiting, sending, failed. */
  readonly state: string
  readonly reason?: string
  /** It is a bucket, or the account, and no object. */
  readonly bucket?: {
    readonly name: string
    /** Where it is known. */
    readonly created?: Milliseconds
    readonly acl: readonly string[] | string
  }
  /** Absent: the bucket has no such object (yet). */
  readonly stored?: {
    readonly size: Bytes
    readonly etag: string
    readonly modified: Milliseconds
    readonly versionId?: string
    /** When the store deletes it by itself, ms. */
    readonly expiry?: Milliseconds
    readonly contentType?: string
    /** The other headers, by name. */
    readonly headers: Readonly<Record<string, string>>
    readonly user: Readonly<Record<string, string>>
    /** A text instead: why they are not known. */
    readonly tags: Readonly<Record<string, string>> | string
    readonly acl: readonly string[] | string
  }
}

/** What the file system and its write-back offer the control socket. All reject with FsError. */
export interface MountControl {
  status(): WritebackStatus
  /** Resolves when all that was pending below `path` is in the bucket; rejects with the first failure that will not pass. */
  flush(path: string, signal?: AbortSignal): Promise<void>
  /** What is known of a path's failures; empty when there are none. */
  why(path: string): Promise<readonly Finding[]>
  /** The plain and, with `expires`, the signed address of a file's object, once it is in the bucket. */
  url(path: string, expires?: Milliseconds): Promise<string>
  /** A directory's path ends with a slash. */
  stat?(path: string): Promise<ObjectFacts>
}
