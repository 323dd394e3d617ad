/**
 * The file system as a kernel's protocol sees it: inode numbers and handles, never paths.
 * Everything rejects with `FsError` and nothing else. `fuse/` speaks to this and to nothing below it.
 */
import type { PosixKind, SpecialKind } from '../core/posix.ts'
import type { Bytes, HandleId, Ino, Milliseconds, Nanoseconds } from '../core/types.ts'

export type FileKind = PosixKind

/** All that stat tells. */
export interface Attr {
  readonly ino: Ino
  readonly kind: FileKind
  /** Permission bits, setuid, setgid and sticky; no type bits. */
  readonly perm: number
  readonly uid: number
  readonly gid: number
  readonly size: Bytes
  readonly nlink: number
  /** A device's number, in Linux's 32 bits; absent: none. */
  readonly rdev?: number
  readonly mtime: Nanoseconds
  readonly ctime: Nanoseconds
  readonly atime: Nanoseconds
  /** Permissions, owner and times are not known: the mount's defaults stand for them. */
  readonly provisional?: boolean
}

/** What to change; what is absent stays. `'now'` is the daemon's clock. */
export interface AttrChange {
  readonly perm?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: Bytes
  readonly mtime?: Nanoseconds | 'now'
  readonly atime?: Nanoseconds | 'now'
}

export interface OpenFlags {
  readonly read: boolean
  readonly write: boolean
  readonly append: boolean
  readonly truncate: boolean
}

export interface DirEntry {
  readonly name: string
  readonly ino: Ino
  /** Undefined where only a HEAD could tell (a symlink looks like a file in a listing). */
  readonly kind: FileKind | undefined
}

export interface CopyRange {
  readonly fromOffset: Bytes
  readonly toOffset: Bytes
  readonly length: Bytes
}

/** What a look-up of a name would answer now, where nothing has to be asked for it. */
export interface Known {
  readonly attr: Attr
  /** As `FileSystem.generation`: of the bytes that the size is of. */
  readonly generation: number
  /** For how long it need not be asked for again. More than 0. */
  readonly fresh: Milliseconds
}

export interface FsStat {
  /** Bytes. */
  readonly total: Bytes
  readonly free: Bytes
  readonly files: number
  readonly nameMax: number
}

export interface SpecialFile {
  readonly kind: SpecialKind
  /** Of a device; 0 for the others. */
  readonly rdev: number
}

/** Who asks, where the kernel's edge can tell (fuse-native can't): the owner of what is made. */
export interface Caller {
  readonly uid: number
  readonly gid: number
}

export interface FileSystem {
  /**
   * `enough`: `'kind'` may be answered without a question to the bucket (`provisional`), for names that are only to be
   * taken away; `getattr` tells all.
   */
  lookup(parent: Ino, name: string, enough?: 'all' | 'kind'): Promise<Attr>
  /** What is known of each name; undefined where a look-up would have to ask, or find nothing. */
  known?(parent: Ino, names: readonly string[]): Promise<readonly (Known | undefined)[]>
  getattr(ino: Ino, handle?: HandleId): Promise<Attr>
  setattr(ino: Ino, change: AttrChange, handle?: HandleId): Promise<Attr>
  readlink(ino: Ino): Promise<string>

  mkdir(parent: Ino, name: string, perm: number, caller?: Caller): Promise<Attr>
  symlink(parent: Ino, name: string, target: string, caller?: Caller): Promise<Attr>
  /** A FIFO, socket or device: the kernel does its work, only its name and attributes are kept. */
  mknod(parent: Ino, name: string, what: SpecialFile, perm: number, caller?: Caller): Promise<Attr>
  unlink(parent: Ino, name: string): Promise<void>
  rmdir(parent: Ino, name: string): Promise<void>
  /** Replaces an existing target as rename(2) says; `noReplace` answers EEXIST instead. */
  rename(
    parent: Ino,
    name: string,
    newParent: Ino,
    newName: string,
    noReplace?: boolean,
  ): Promise<void>
  /** Always EPERM: object stores have no second name for the same bytes. */
  link(ino: Ino, newParent: Ino, newName: string): Promise<Attr>

  create(
    parent: Ino,
    name: string,
    perm: number,
    flags: OpenFlags,
    caller?: Caller,
  ): Promise<{ attr: Attr; handle: HandleId }>
  open(ino: Ino, flags: OpenFlags): Promise<HandleId>
  /** Fills `into`; short only at the end of the file. Resolves with the count. */
  read(handle: HandleId, into: Uint8Array, offset: Bytes): Promise<number>
  /** All of `from` is taken over (in the journal) when it resolves. Append handles ignore `offset`. */
  write(handle: HandleId, from: Uint8Array, offset: Bytes): Promise<number>
  /**
   * Copies in the bucket; the count of bytes, which are stored then. Rejects EOPNOTSUPP where they are to be read
   * and written.
   */
  copyRange?(from: HandleId, to: HandleId, range: CopyRange): Promise<number>
  /**
   * Which state of the file the handle was opened on: a number that changes with each change of the bytes
   * that came from elsewhere, not with those made here. Absent: not known.
   */
  generation?(handle: HandleId): Promise<number>
  /** close(2) of one descriptor: may come several times, also before any write. */
  flush(handle: HandleId): Promise<void>
  fsync(handle: HandleId, dataOnly: boolean): Promise<void>
  release(handle: HandleId): Promise<void>

  opendir(ino: Ino): Promise<HandleId>
  /** The whole directory, without `.` and `..`; a snapshot. */
  readdir(handle: HandleId): Promise<readonly DirEntry[]>
  fsyncdir(handle: HandleId): Promise<void>
  releasedir(handle: HandleId): Promise<void>

  /** Rejects ENODATA when there is none. */
  getxattr(ino: Ino, name: string): Promise<Uint8Array>
  setxattr(
    ino: Ino,
    name: string,
    value: Uint8Array,
    how: 'either' | 'create' | 'replace',
  ): Promise<void>
  listxattr(ino: Ino): Promise<readonly string[]>
  removexattr(ino: Ino, name: string): Promise<void>

  statfs(): Promise<FsStat>
}
