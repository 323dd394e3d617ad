/**
 * The protocol's structures for inodes and names, as bytes. Times the kernel may keep something are in
 * milliseconds, whole ones.
 */
import { TYPE_OF_KIND } from '../../core/posix.ts'
import type { Milliseconds, Nanoseconds } from '../../core/types.ts'
import type { Attr, DirEntry } from '../../fs/api.ts'
import { ATTR, DIRENT, ENTRY_OUT, write64 } from './protocol.ts'

/** What programs are told to use as a buffer. */
const BLKSIZE = 131_072
const SECOND = 1_000_000_000n
const LARGEST_32 = 4294967295

/** How long the kernel may use a name's inode, and its attributes, without asking again. */
export interface Validity {
  readonly entry: Milliseconds
  readonly attr: Milliseconds
}

/** `struct fuse_entry_out`, with its attributes. */
export function putEntry(out: Buffer, at: number, ino: Attr, { entry, attr }: Validity): void {
  write64(out, at, ino.ino)
  // Inode numbers are never used again, so all are of one generation.
  write64(out, at + 8, 0)
  write64(out, at + 16, Math.floor(entry / 1000))
  write64(out, at + 24, Math.floor(attr / 1000))
  out.writeUInt32LE((entry % 1000) * 1_000_000, at + 32)
  out.writeUInt32LE((attr % 1000) * 1_000_000, at + 36)
  putAttr(out, at + ENTRY_OUT, ino)
}

/** `struct fuse_attr`. */
export function putAttr(out: Buffer, at: number, attr: Attr): void {
  write64(out, at, attr.ino)
  write64(out, at + 8, attr.size)
  write64(out, at + 16, Math.ceil(attr.size / 512))
  putTime(out, at + 24, at + 48, attr.atime)
  putTime(out, at + 32, at + 52, attr.mtime)
  putTime(out, at + 40, at + 56, attr.ctime)
  out.writeUInt32LE(TYPE_OF_KIND[attr.kind] | (attr.perm & 0o7777), at + 60)
  out.writeUInt32LE(attr.nlink, at + 64)
  out.writeUInt32LE(attr.uid, at + 68)
  out.writeUInt32LE(attr.gid, at + 72)
  out.writeUInt32LE(attr.rdev ?? 0, at + 76)
  out.writeUInt32LE(BLKSIZE, at + 80)
  out.writeUInt32LE(0, at + 84)
}

/** Seconds may be negative (before 1970), nanoseconds may not. */
function putTime(out: Buffer, secondsAt: number, restAt: number, time: Nanoseconds): void {
  const rest = ((time % SECOND) + SECOND) % SECOND
  out.writeBigInt64LE((time - rest) / SECOND, secondsAt)
  out.writeUInt32LE(Number(rest), restAt)
}

/**
 * `struct fuse_dirent`; undefined where it does not fit. The type is the file type's upper bits; 0 makes the
 * program ask by itself.
 */
export function putDirent(
  out: Buffer,
  at: number,
  { name, ino, kind }: DirEntry,
  next: number,
): number | undefined {
  // A character of UTF-16 has three bytes at most: counting is left out where even those fit.
  const room = (out.length & ~7) - at - DIRENT
  if (name.length * 3 > room && Buffer.byteLength(name) > room) return undefined
  const length = out.write(name, at + DIRENT)
  const end = at + DIRENT + length
  const padded = (end + 7) & ~7
  // 0 would mean "no entry here" to readdir(3).
  write64(out, at, ino === 0 ? LARGEST_32 : ino)
  write64(out, at + 8, next)
  out.writeUInt32LE(length, at + 16)
  out.writeUInt32LE(kind === undefined ? 0 : TYPE_OF_KIND[kind] >> 12, at + 20)
  for (let byte = end; byte < padded; byte++) out[byte] = 0
  return padded
}

/** What `struct fuse_direntplus` has before the entry itself. */
export const PLUS = ENTRY_OUT + ATTR

/** `struct fuse_direntplus`; undefined where it does not fit. Without attributes the kernel looks the name up. */
export function putDirentPlus(
  out: Buffer,
  at: number,
  entry: DirEntry,
  next: number,
  known: { readonly attr: Attr; readonly validity: Validity } | undefined,
): number | undefined {
  const shown = known ? { name: entry.name, ino: known.attr.ino, kind: known.attr.kind } : entry
  const end = putDirent(out, at + PLUS, shown, next)
  if (end === undefined) return undefined
  if (known) putEntry(out, at, known.attr, known.validity)
  else out.fill(0, at, at + PLUS)
  return end
}
