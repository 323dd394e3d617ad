/**
 * The FUSE protocol as this link speaks it: numbers and sizes of the kernel's public header
 * (include/uapi/linux/fuse.h, version 7.38). All fields are in the machine's byte order; only little-endian
 * machines are served.
 */

/** The version we speak; the kernel takes the smaller minor of the two. */
export const MAJOR = 7
export const MINOR = 38
/** Linux 4.20: the first with `max_pages`. What an older kernel lacks is left out, down to this one. */
export const LEAST_MINOR = 23

/** `enum fuse_opcode`: those that get an answer other than ENOSYS. */
export const OP = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  copyFileRange: 47,
} as const

/** `struct fuse_in_header`, before each request. */
export const IN_HEADER = 40
/** `struct fuse_out_header`, before each answer. */
export const OUT_HEADER = 16
/** `struct fuse_write_in`, before the bytes of a write. */
export const WRITE_IN = 40
/** `struct fuse_setxattr_in` without FUSE_SETXATTR_EXT. */
export const SETXATTR_IN = 8
export const ATTR = 88
/** `struct fuse_attr_out` before its attributes. */
export const ATTR_OUT = 16
/** `struct fuse_entry_out` before its attributes. */
export const ENTRY_OUT = 40
export const OPEN_OUT = 16
export const INIT_OUT = 64
export const STATFS_OUT = 80
/** `struct fuse_dirent` before the name. */
export const DIRENT = 24

/** Flags of INIT, offered by the kernel and chosen by us. */
export const INIT = {
  asyncRead: 1 << 0,
  atomicTruncate: 1 << 3,
  bigWrites: 1 << 5,
  readdirplus: 1 << 13,
  asyncDirect: 1 << 15,
  parallelDirectories: 1 << 18,
  maxPages: 1 << 22,
  killPrivileges: 1 << 28,
} as const

/** `fuse_setattr_in.valid`. */
export const SET = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  atime: 1 << 4,
  mtime: 1 << 5,
  handle: 1 << 6,
  atimeNow: 1 << 7,
  mtimeNow: 1 << 8,
  killSetId: 1 << 11,
} as const

export const GETATTR_HANDLE = 1 << 0
export const WRITE_KILL_SETID = 1 << 2
export const OPEN_KILL_SETID = 1 << 0
export const FSYNC_DATA_ONLY = 1 << 0
export const FOPEN_KEEP_CACHE = 1 << 1
/** No flush at a close; kernels before 5.16 pass it over. */
export const FOPEN_NOFLUSH = 1 << 5
export const RENAME_NOREPLACE = 1 << 0

/** Names longer than this the kernel would still send. */
export const NAME_MAX = 255

/** Largest write and read: 256 pages, the kernel's own limit (fs.fuse.max_pages_limit). */
export const PAGE = 4096
export const MAX_PAGES = 256
export const MAX_IO = MAX_PAGES * PAGE
/** The same where the kernel does not know `max_pages`. */
export const OLD_MAX_IO = 32 * PAGE

const TWO_32 = 4294967296

/** An unsigned 64-bit number that is known to stay below 2^53: sizes, offsets, inodes, handles, request ids. */
export function read64(from: Buffer, at: number): number {
  return from.readUInt32LE(at) + from.readUInt32LE(at + 4) * TWO_32
}

export function write64(to: Buffer, at: number, value: number): void {
  to.writeUInt32LE(value % TWO_32, at)
  to.writeUInt32LE(Math.floor(value / TWO_32), at + 4)
}
