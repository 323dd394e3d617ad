/**
 * Answers in the kernel's form. One buffer serves all, as each is sent before the next is made.
 *
 * Each returns whether the kernel took it: what was made for a request that was given up (a handle, a
 * counted look-up) is to be undone.
 */
import { TYPE_OF_KIND } from '../../core/posix.ts'
import type { HandleId, Milliseconds, Nanoseconds } from '../../core/types.ts'
import type { Attr, DirEntry, FsStat } from '../../fs/api.ts'
import type { Device } from './device.ts'
import {
  ATTR,
  ATTR_OUT,
  DIRENT,
  ENTRY_OUT,
  INIT_OUT,
  OPEN_OUT,
  OUT_HEADER,
  STATFS_OUT,
  write64,
} from './protocol.ts'

/** What programs are told to use as a buffer. */
const BLKSIZE = 131_072
/** df's unit. */
const STATFS_UNIT = 4096
const SECOND = 1_000_000_000n
const LARGEST_32 = 4294967295

/** What the answer to INIT says. */
export interface Agreement {
  readonly major: number
  readonly minor: number
  readonly flags: number
  readonly maxReadahead: number
  readonly maxBackground: number
  readonly maxWrite: number
  readonly maxPages: number
}

export class Replies {
  readonly #device: Device
  readonly #attrTimeout: Milliseconds
  readonly #entryTimeout: Milliseconds
  readonly #out = Buffer.alloc(OUT_HEADER + ENTRY_OUT + ATTR + OPEN_OUT)

  constructor(device: Device, timeouts: { attrTimeout: Milliseconds; entryTimeout: Milliseconds }) {
    this.#device = device
    this.#attrTimeout = timeouts.attrTimeout
    this.#entryTimeout = timeouts.entryTimeout
  }

  /** `errno` is from -511 to -1. */
  error(unique: number, errno: number): boolean {
    return this.#device.send(unique, errno, this.#out, OUT_HEADER)
  }

  ok(unique: number): boolean {
    return this.#device.send(unique, 0, this.#out, OUT_HEADER)
  }

  data(unique: number, data: Uint8Array): boolean {
    return this.#device.sendData(unique, data)
  }

  init(unique: number, agreed: Agreement): boolean {
    const out = this.#out
    out.fill(0)
    out.writeUInt32LE(agreed.major, 16)
    out.writeUInt32LE(agreed.minor, 20)
    out.writeUInt32LE(agreed.maxReadahead, 24)
    out.writeUInt32LE(agreed.flags >>> 0, 28)
    out.writeUInt16LE(agreed.maxBackground, 32)
    out.writeUInt16LE(Math.max(1, Math.floor((agreed.maxBackground * 3) / 4)), 34)
    out.writeUInt32LE(agreed.maxWrite, 36)
    // Times are exact to the nanosecond.
    out.writeUInt32LE(1, 40)
    out.writeUInt16LE(agreed.maxPages, 44)
    return this.#device.send(unique, 0, out, OUT_HEADER + INIT_OUT)
  }

  attr(unique: number, attr: Attr): boolean {
    const out = this.#out
    write64(out, 16, Math.floor(this.#attrTimeout / 1000))
    out.writeUInt32LE((this.#attrTimeout % 1000) * 1_000_000, 24)
    out.writeUInt32LE(0, 28)
    putAttr(out, OUT_HEADER + ATTR_OUT, attr)
    return this.#device.send(unique, 0, out, OUT_HEADER + ATTR_OUT + ATTR)
  }

  entry(unique: number, attr: Attr): boolean {
    this.#putEntry(attr)
    return this.#device.send(unique, 0, this.#out, OUT_HEADER + ENTRY_OUT + ATTR)
  }

  open(unique: number, handle: HandleId, flags: number): boolean {
    this.#putOpen(OUT_HEADER, handle, flags)
    return this.#device.send(unique, 0, this.#out, OUT_HEADER + OPEN_OUT)
  }

  create(unique: number, attr: Attr, handle: HandleId, flags: number): boolean {
    this.#putEntry(attr)
    this.#putOpen(OUT_HEADER + ENTRY_OUT + ATTR, handle, flags)
    return this.#device.send(unique, 0, this.#out, OUT_HEADER + ENTRY_OUT + ATTR + OPEN_OUT)
  }

  /** The count of a write, or the size of an extended attribute. */
  count(unique: number, count: number): boolean {
    write64(this.#out, 16, count)
    return this.#device.send(unique, 0, this.#out, OUT_HEADER + 8)
  }

  statfs(unique: number, stat: FsStat): boolean {
    const out = this.#out
    const free = Math.floor(stat.free / STATFS_UNIT)
    const files = Math.min(stat.files, LARGEST_32)
    write64(out, 16, Math.floor(stat.total / STATFS_UNIT))
    write64(out, 24, free)
    write64(out, 32, free)
    write64(out, 40, files)
    write64(out, 48, LARGEST_32 - files)
    out.writeUInt32LE(STATFS_UNIT, 56)
    out.writeUInt32LE(stat.nameMax, 60)
    out.writeUInt32LE(STATFS_UNIT, 64)
    out.fill(0, 68, OUT_HEADER + STATFS_OUT)
    return this.#device.send(unique, 0, out, OUT_HEADER + STATFS_OUT)
  }

  #putEntry(attr: Attr): void {
    const out = this.#out
    write64(out, 16, attr.ino)
    // Inode numbers are never used again, so all are of one generation.
    write64(out, 24, 0)
    write64(out, 32, Math.floor(this.#entryTimeout / 1000))
    write64(out, 40, Math.floor(this.#attrTimeout / 1000))
    out.writeUInt32LE((this.#entryTimeout % 1000) * 1_000_000, 48)
    out.writeUInt32LE((this.#attrTimeout % 1000) * 1_000_000, 52)
    putAttr(out, OUT_HEADER + ENTRY_OUT, attr)
  }

  #putOpen(at: number, handle: HandleId, flags: number): void {
    write64(this.#out, at, handle)
    write64(this.#out, at + 8, flags)
  }
}

/** `struct fuse_attr`. */
function putAttr(out: Buffer, at: number, attr: Attr): void {
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
