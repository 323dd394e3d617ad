/**
 * Inodes: what the file system knows of each file and directory. A node is clean (the bucket holds it as it is here)
 * or has a record in the write-back under its key. Nodes are plain data; the modules beside this one act on them.
 */
import type { Attr, FileKind } from './api.ts'
import type {
  ETag,
  Ino,
  Key,
  Milliseconds,
  Nanoseconds,
  ObjectMeta,
  ObjectVersion,
} from '../core/types.ts'
import type { Habit } from './habit.ts'
import type { Staged } from '../writeback/staged.ts'

/** Where a file's bytes are. */
export type FileContent =
  | { readonly is: 'stored'; readonly version: ObjectVersion }
  | { readonly is: 'staged'; readonly staged: Staged }
  | { readonly is: 'inline'; readonly bytes: Uint8Array }

interface NodeBase {
  readonly ino: Ino
  name: string
  /** Undefined: unlinked; it lives on while it is open. */
  parent: DirNode | undefined
  /** A file's object; a directory's prefix ('' for the root). */
  key: Key
  perm: number
  uid: number
  gid: number
  mtime: Nanoseconds
  ctime: Nanoseconds
  atime: Nanoseconds
  /** As the bucket has it or shall have it; undefined: not asked yet. */
  meta: ObjectMeta | undefined
  /** `meta` is not what the stored version has: it has to be sent. */
  metaDirty: boolean
  /** When the bucket last said that it is there. */
  seenAt: Milliseconds
}

export interface FileNode extends NodeBase {
  kind: Exclude<FileKind, 'directory'>
  /** A device's number. */
  rdev: number
  content: FileContent
  /** When the bucket last answered a question of its own for this file. */
  answeredAt: Milliseconds
  /** LastModified of the stored version, as a listing or a HEAD said. */
  modified: Milliseconds
  /** Handles, and those of them that write. */
  opens: number
  writers: number
  /** Written to since its times went to the journal. */
  timesDirty: boolean
  /** The latest `mtime` that a program was told, or when it set one. */
  toldTime: Nanoseconds
  /** Counts the changes that came from elsewhere: a handle of an older one reads its own version. */
  generation: number
  /** Its name while there was a directory of its key's name: who has read that name can still use it. */
  formerName?: string
  /** Counts how often it got another name because somebody else wrote its key: a writer of before is to know. */
  keptAside: number
  /** `keptAside` when the name was last looked up: an open of what the name meant before would be of another file. */
  asideWhenFound: number
}

/** An empty object without a trailing slash that is a directory by its name, type or mode. */
export interface StandIn {
  readonly key: Key
  readonly etag: ETag
  readonly modified: Milliseconds
}

export interface DirNode extends NodeBase {
  readonly kind: 'directory'
  readonly children: Map<string, Node>
  /** Whether `children` is all of it, as of `listedAt`. */
  complete: boolean
  listedAt: Milliseconds
  /** More than one page: single names are asked for one by one. */
  large: boolean
  /** Single names asked for since it was listed whole. */
  asked: number
  listing: Promise<void> | undefined
  /** Whether an object of the prefix's own name is there. */
  marker: 'unknown' | 'absent' | 'present'
  markerTag: { readonly etag: ETag; readonly modified: Milliseconds } | undefined
  /** Objects under other keys that say that it is there, as other programs leave them (`stand-ins.ts`). */
  standIns: readonly StandIn[]
  /** The last of an over-long name's objects was removed here: it stays till rmdir, as it can have no marker. */
  keptEmpty: boolean
  readonly habit: Habit
}

export type Node = FileNode | DirNode

export function isDir(node: Node): node is DirNode {
  return node.kind === 'directory'
}

/** A file's size in bytes as programs see it. */
export function sizeOf(node: FileNode): number {
  const { content } = node
  if (content.is === 'stored') return content.version.size
  return content.is === 'staged' ? content.staged.stage.size : content.bytes.byteLength
}

/** What a program is told of the node; notes which time that was. */
export function attrOf(node: Node): Attr {
  const kind: FileKind = node.kind
  const { ino, perm, uid, gid, mtime, ctime, atime } = node
  if (isDir(node)) {
    return { ino, kind, perm, uid, gid, size: 4096, nlink: linksOf(node), mtime, ctime, atime }
  }
  if (mtime > node.toldTime) node.toldTime = mtime
  const nlink = node.parent ? 1 : 0
  const { rdev } = node
  return { ino, kind, perm, uid, gid, rdev, size: sizeOf(node), nlink, mtime, ctime, atime }
}

/** 2 and one for each directory in it; 1, which says "not counted", where not all are known. */
function linksOf(node: DirNode): number {
  if (!node.complete) return 1
  let count = 2
  for (const child of node.children.values()) if (isDir(child)) count += 1
  return count
}
