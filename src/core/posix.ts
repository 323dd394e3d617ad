/** An object as POSIX has it: the words that reading and writing metadata share. */
import type { Bytes, Key, Milliseconds, Nanoseconds, ObjectMeta } from './types.ts'

/** What the kernel works on by itself: here only its name, mode and number are kept, on an empty object. */
export type SpecialKind = 'fifo' | 'socket' | 'character' | 'block'

export type PosixKind = 'file' | 'directory' | 'symlink' | SpecialKind

/** What can be kept with an object. On writing, what is absent is not kept. */
export interface PosixAttributes {
  readonly kind: PosixKind
  /** Permission bits, setuid, setgid and sticky: 0 to 07777. */
  readonly perm?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: Nanoseconds
  /** A device's number in Linux's 32 bits (12 of major, 20 of minor). */
  readonly rdev?: number
  /** Only where it is kept in metadata; otherwise a symlink's target is the object's body. */
  readonly symlinkTarget?: string
}

/** What reading answers: complete, the mount's defaults where the object says nothing. */
export interface ReadAttributes extends PosixAttributes {
  readonly perm: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Nanoseconds
}

/** The mount's own answer for objects that say nothing. A symlink's is always 0777. */
export interface AttributeDefaults {
  readonly uid: number
  readonly gid: number
  /** Permission bits of files and of directories. */
  readonly filePerm: number
  readonly dirPerm: number
}

/** What of an object's head is looked at; `ObjectHead` fits. */
export interface AttributeSource {
  readonly key: Key
  readonly size: Bytes
  readonly modified: Milliseconds
  readonly meta: ObjectMeta
}

/** The type bits of st_mode. */
export const S_IFMT = 0o170000
export const S_IFIFO = 0o010000
export const S_IFCHR = 0o020000
export const S_IFDIR = 0o040000
export const S_IFBLK = 0o060000
export const S_IFREG = 0o100000
export const S_IFLNK = 0o120000
export const S_IFSOCK = 0o140000

/** The type bits of each kind. */
export const TYPE_OF_KIND: Readonly<Record<PosixKind, number>> = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  character: S_IFCHR,
  block: S_IFBLK,
}

const KINDS: ReadonlyMap<number, PosixKind> = new Map(
  (Object.keys(TYPE_OF_KIND) as PosixKind[]).map(kind => [TYPE_OF_KIND[kind], kind]),
)

/** The kind that a mode's type bits say; undefined for bare permissions and for what is no type. */
export function kindOfMode(mode: number): PosixKind | undefined {
  return KINDS.get(mode & S_IFMT)
}

export function isSpecial(kind: PosixKind): kind is SpecialKind {
  return kind !== 'file' && kind !== 'directory' && kind !== 'symlink'
}

/** The longest target that a symlink can have, in bytes (PATH_MAX without the NUL). */
export const TARGET_MAX: Bytes = 4095

/** Whether an object without a trailing slash has too many bytes to be anything but a file. */
export function isFileBySize(size: Bytes): boolean {
  return size > TARGET_MAX
}

/** Whether it has a number. */
export function isDevice(kind: PosixKind): boolean {
  return kind === 'character' || kind === 'block'
}

/** What mknod(2) is to make; undefined for what it cannot. Without type bits it is a file. */
export function nodeOfMknod(
  mode: number,
  rdev: number,
): 'file' | { readonly kind: SpecialKind; readonly rdev: number } | undefined {
  const kind = (mode & S_IFMT) === 0 ? 'file' : kindOfMode(mode)
  if (kind === undefined || kind === 'directory' || kind === 'symlink') return undefined
  return kind === 'file' ? kind : { kind, rdev: isDevice(kind) ? rdev : 0 }
}

/** The permissions of an object that says nothing. */
export function defaultPerm(kind: PosixKind, defaults: AttributeDefaults): number {
  if (kind === 'symlink') return 0o777
  return kind === 'directory' ? defaults.dirPerm : defaults.filePerm
}
