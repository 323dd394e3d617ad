/** One request of the kernel as it was read: its header in fields, its arguments still in the reader's buffer. */
import { FsError } from '../../core/errors.ts'
import type { Caller } from '../../fs/api.ts'
import type { Ino } from '../../core/types.ts'
import { IN_HEADER, NAME_MAX, read64 } from './protocol.ts'

export class Call {
  readonly opcode: number
  /** The kernel's number of the request. */
  readonly unique: number
  readonly ino: Ino
  readonly caller: Caller
  /** The thread that waits; 0 where it is in no process space that we see. */
  readonly pid: number
  /** Valid until the handler returns: the buffer is read into again then (a write may keep it). */
  readonly body: Buffer
  /** The whole of it. */
  readonly buffer: Buffer
  /** The kernel has its answer, an error: what the work still brings must be undone or dropped. */
  answered = false

  constructor(buffer: Buffer, length: number) {
    this.opcode = buffer.readUInt32LE(4)
    this.unique = read64(buffer, 8)
    this.ino = read64(buffer, 16)
    this.caller = { uid: buffer.readUInt32LE(24), gid: buffer.readUInt32LE(28) }
    this.pid = buffer.readUInt32LE(32)
    this.buffer = buffer
    this.body = buffer.subarray(IN_HEADER, length)
  }

  u32(at: number): number {
    return this.body.readUInt32LE(at)
  }

  u64(at: number): number {
    return read64(this.body, at)
  }

  /** The name that starts at `at`, up to its NUL. */
  name(at: number): Name {
    const end = this.body.indexOf(0, at)
    return new Name(this.body.toString('utf8', at, end), end - at, this.body, at)
  }
}

/** A name as the kernel gave it: bytes, of which only valid UTF-8 can be in a bucket. */
export class Name {
  readonly text: string
  /** In the request, without the NUL. */
  readonly length: number
  readonly #valid: boolean

  constructor(text: string, length: number, from: Buffer, at: number) {
    this.text = text
    this.length = length
    this.#valid =
      !text.includes('\uFFFD') || Buffer.from(text).equals(from.subarray(at, at + length))
  }

  /** For a name that is there already, or is not. */
  existing(): string {
    if (!this.#valid) throw new FsError('ENOENT', 'no name is anything but UTF-8')
    return this.#fitting()
  }

  /** For a name that shall come into being. */
  fresh(): string {
    if (!this.#valid) throw new FsError('EILSEQ', 'the name is not valid UTF-8')
    return this.#fitting()
  }

  /** For what is no name of a file: a link's target, an attribute's name. */
  content(): string {
    if (!this.#valid) throw new FsError('EILSEQ', 'not valid UTF-8')
    return this.text
  }

  #fitting(): string {
    if (this.length > NAME_MAX) throw new FsError('ENAMETOOLONG', 'a name has more than 255 bytes')
    return this.text
  }
}
