/**
 * `Attr` and `FsStat` in the form that fuse-native's C code reads: arrays of 32-bit numbers.
 *
 * Times are milliseconds, unsigned: before 1970 is said as 1970. A mode without a type would be EIO, blocks
 * of 0 would make du say 0. The C code copies the array during the call, so one array serves all.
 */
import { S_IFDIR, TYPE_OF_KIND } from '../../core/posix.ts'
import type { Attr, DirEntry, FsStat } from '../../fs/api.ts'
import type { Ino, Nanoseconds } from '../../core/types.ts'
import { isListable } from '../names.ts'

const WORDS = 18
const TWO_32 = 4294967296
const LARGEST_32 = TWO_32 - 1

/** What programs are told to use as a buffer: one request of the kernel. */
const BLKSIZE = 131_072
/** df's unit; with 32-bit counts this reaches 4 EiB. */
const STATFS_UNIT = 1_048_576

const scratch = new Uint32Array(WORDS)

/** Valid until the next call. */
export function statWords(attr: Attr): Uint32Array {
  scratch[0] = TYPE_OF_KIND[attr.kind] | (attr.perm & 0o7777)
  scratch[1] = attr.uid
  scratch[2] = attr.gid
  put64(3, attr.size)
  scratch[5] = 0
  scratch[6] = attr.nlink
  scratch[7] = attr.ino
  scratch[8] = attr.rdev ?? 0
  scratch[9] = BLKSIZE
  put64(10, Math.ceil(attr.size / 512))
  put64(12, milliseconds(attr.atime))
  put64(14, milliseconds(attr.mtime))
  put64(16, milliseconds(attr.ctime))
  return scratch
}

/** For the answers that carry an error: the C code copies it and nobody looks. */
export const NO_STAT = new Uint32Array(WORDS)
export const NO_STATFS = new Uint32Array(11)

/** bsize and frsize are the same, as df multiplies by one and some tools by the other. */
export function statfsWords(stat: FsStat): Uint32Array {
  const words = new Uint32Array(11)
  const free = units(stat.free)
  words[0] = STATFS_UNIT
  words[1] = STATFS_UNIT
  words[2] = units(stat.total)
  words[3] = free
  words[4] = free
  words[5] = LARGEST_32
  words[6] = LARGEST_32 - Math.min(stat.files, LARGEST_32)
  words[7] = words[6]
  words[10] = stat.nameMax
  return words
}

/** Each entry's view overlaps the next one's: of the 18 words only the mode (0) and the inode (7) are looked at. */
const STRIDE = 8

/** A directory's entries and the inodes of `.` and `..`, which are no entries of it. */
export interface Listing {
  readonly self: Ino
  readonly above: Ino
  readonly entries: readonly DirEntry[]
}

/**
 * Names and stats for a readdir answer, of the same length, `.` and `..` first. Only type and inode number
 * count there. A type of 0 makes the program ask by itself.
 */
export function direntWords(listing: Listing): { names: string[]; stats: Uint32Array[] } {
  const names: string[] = []
  const stats: Uint32Array[] = []
  const all = new Uint32Array((listing.entries.length + 2) * STRIDE + WORDS)
  const add = (name: string, mode: number, ino: Ino) => {
    const at = names.length * STRIDE
    all[at] = mode
    // 0 would mean "no entry here" to readdir(3).
    all[at + 7] = ino === 0 ? LARGEST_32 : ino
    stats.push(all.subarray(at, at + WORDS))
    names.push(name)
  }
  add('.', S_IFDIR, listing.self)
  add('..', S_IFDIR, listing.above)
  for (const { name, kind, ino } of listing.entries) {
    if (isListable(name)) add(name, kind === undefined ? 0 : TYPE_OF_KIND[kind], ino)
  }
  return { names, stats }
}

function put64(index: number, value: number): void {
  scratch[index] = value % TWO_32
  scratch[index + 1] = value / TWO_32
}

function units(bytes: number): number {
  return Math.min(Math.floor(bytes / STATFS_UNIT), LARGEST_32)
}

function milliseconds(time: Nanoseconds): number {
  return time <= 0n ? 0 : Number(time / 1_000_000n)
}
