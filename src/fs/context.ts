/** What all modules of the file system share: its parts, its options, and the tables of nodes. */
import type { HeadAhead } from '../cache/head-ahead.ts'
import type { MetaCache } from '../cache/meta.ts'
import type { ObjectReader } from '../store/reader.ts'
import { FsError } from '../core/errors.ts'
import type { AttributeDefaults } from '../core/posix.ts'
import type { Clock, Log } from '../core/ports.ts'
import type { WindowLimits } from '../core/window.ts'
import type { Ino, Key, Milliseconds, Nanoseconds } from '../core/types.ts'
import type { Journal } from '../journal/journal.ts'
import type { ObjectStore } from '../store/store.ts'
import type { StagedFiles } from '../writeback/staged.ts'
import type { WriteBack } from '../writeback/writeback.ts'
import { isDir, type DirNode, type FileNode, type Node } from './node.ts'
import type { Keeping } from './kept.ts'
import type { Recent } from './recent.ts'

export interface FsOptions {
  readonly defaults: AttributeDefaults
  readonly metadataTtl: Milliseconds
  /** `listing`: no HEADs for modes and times. */
  readonly attributes: 'all' | 'listing'
  readonly fsync: 'bucket' | 'journal'
  /** Whether close waits for the bucket. */
  readonly closeWaits: boolean
  readonly readAhead: WindowLimits
  /** A directory marker's content type: `application/x-directory`, on Swift `application/directory`. */
  readonly directoryType: string
  /** How long a writer waits for a full staging while nothing of it is freed; absent: not at all. */
  readonly roomPatience?: Milliseconds
  /** For the names of files kept beside a newer remote version. */
  readonly host: string
}

/** What the file system is made of. */
export interface FsParts {
  /** One that retries by itself. */
  readonly store: ObjectStore
  readonly reader: ObjectReader
  readonly heads: HeadAhead
  readonly metaCache: MetaCache
  readonly journal: Journal
  readonly staged: StagedFiles
  readonly writeBack: WriteBack
  /** For ages and waits: were it set back, what is known would stay fresh for so much longer. */
  readonly clock: Clock
  /** The time that files get. */
  readonly wall: Clock
  readonly log: Log
}

export interface FsContext extends FsParts {
  readonly options: FsOptions
  readonly root: DirNode
  readonly inodes: Map<Ino, Node>
  /** The node of each key with a record that says present. */
  readonly unsettled: Map<Key, Node>
  /** Open files without a name, but those whose bytes could not be kept. */
  readonly unnamed: Set<FileNode>
  readonly recent: Recent
  readonly keeping: Keeping
  /** Paths of files kept beside a newer version since the mount began. */
  readonly conflicts: string[]
  /** This mount's own nanoseconds below the millisecond, in all times that it gives. */
  readonly fraction: Nanoseconds
  nextIno(): Ino
}

const MILLISECOND: Nanoseconds = 1_000_000n

/**
 * The clock's time as a file's times have it. By its last digits a mount knows its own files again after a lost
 * reply, also where another machine wrote in the same millisecond.
 */
export function nowNs(ctx: Pick<FsContext, 'wall' | 'fraction'>): Nanoseconds {
  return BigInt(Math.trunc(ctx.wall.now())) * MILLISECOND + ctx.fraction
}

/** A fraction for a mount, from what no other has in common with it. */
export function fractionOf(text: string): Nanoseconds {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return BigInt((hash >>> 0) % Number(MILLISECOND))
}

/** Throws ESTALE for a number that was forgotten. */
export function nodeOf(ctx: FsContext, ino: Ino): Node {
  const node = ctx.inodes.get(ino)
  if (!node) throw new FsError('ESTALE', `inode ${ino} is gone`)
  return node
}

export function dirOf(ctx: FsContext, ino: Ino): DirNode {
  const node = nodeOf(ctx, ino)
  if (!isDir(node)) throw new FsError('ENOTDIR', `${node.name} is not a directory`)
  return node
}
