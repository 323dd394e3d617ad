/**
 * Answers in the kernel's form. One buffer serves all, as each is sent before the next is made.
 *
 * Each returns whether the kernel took it: what was made for a request that was given up (a handle, a
 * counted look-up) is to be undone.
 */
import type { HandleId, Milliseconds } from '../../core/types.ts'
import type { Attr, FsStat } from '../../fs/api.ts'
import type { Device } from './device.ts'
import {
  ATTR,
  ATTR_OUT,
  ENTRY_OUT,
  INIT_OUT,
  OPEN_OUT,
  OUT_HEADER,
  STATFS_OUT,
  write64,
} from './protocol.ts'
import { putAttr, putEntry, type Validity } from './structs.ts'

/** df's unit. */
const STATFS_UNIT = 4096
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

  /** `fresh`: as with an entry. */
  attr(unique: number, attr: Attr, fresh: Milliseconds = 0): boolean {
    const out = this.#out
    const timeout = this.validity(fresh).attr
    write64(out, 16, Math.floor(timeout / 1000))
    out.writeUInt32LE((timeout % 1000) * 1_000_000, 24)
    out.writeUInt32LE(0, 28)
    putAttr(out, OUT_HEADER + ATTR_OUT, attr)
    return this.#device.send(unique, 0, out, OUT_HEADER + ATTR_OUT + ATTR)
  }

  /** How long the kernel may keep what needs not be asked for again for `fresh` ms. */
  validity(fresh: Milliseconds): Validity {
    const attr = Math.max(this.#attrTimeout, Math.min(this.#entryTimeout, Math.floor(fresh)))
    return { entry: this.#entryTimeout, attr }
  }

  /** `fresh`: how long the attributes may be kept at least, where the entry may. */
  entry(unique: number, attr: Attr, fresh: Milliseconds = 0): boolean {
    this.#putEntry(attr, fresh)
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
    const used = Math.min(stat.files, LARGEST_32)
    write64(out, 16, Math.floor(stat.total / STATFS_UNIT))
    write64(out, 24, free)
    write64(out, 32, free)
    write64(out, 40, LARGEST_32)
    write64(out, 48, LARGEST_32 - used)
    out.writeUInt32LE(STATFS_UNIT, 56)
    out.writeUInt32LE(stat.nameMax, 60)
    out.writeUInt32LE(STATFS_UNIT, 64)
    out.fill(0, 68, OUT_HEADER + STATFS_OUT)
    return this.#device.send(unique, 0, out, OUT_HEADER + STATFS_OUT)
  }

  #putEntry(attr: Attr, keep: Milliseconds = 0): void {
    const validity = this.validity(keep)
    putEntry(this.#out, OUT_HEADER, attr, attr.provisional ? { ...validity, attr: 0 } : validity)
  }

  #putOpen(at: number, handle: HandleId, flags: number): void {
    write64(this.#out, at, handle)
    write64(this.#out, at + 8, flags)
  }
}
