/**
 * /dev/fuse: reads requests and writes answers.
 *
 * A read blocks a thread of Node's pool until a request comes, so there are few of them; each has a buffer
 * for the largest request. An answer is written at once: the kernel copies it and never waits.
 *
 * The end of the connection wakes all readers (ENODEV). Nothing else does: a process with a blocked reader
 * cannot even exit (Node waits for its threads), see `abort.ts`.
 */
import { closeSync, read, writeSync, writevSync } from 'node:fs'
import { IN_HEADER, MAX_IO, OUT_HEADER, PAGE, WRITE_IN, write64 } from './protocol.ts'

/** Header, arguments and data of the largest write; the kernel refuses reads into less. */
const REQUEST = PAGE + MAX_IO
/** Bound on buffers held by writes under way (1 MiB each). Beyond it no request is read until one is free. */
const MAX_KEPT = 64
const MAX_SPARE = 4
/** Writes up to this size are copied out of the reader's buffer. */
export const SMALL_WRITE = 65_536

/** Takes one request. True: it keeps the buffer and calls `giveBack` later. */
export type OnRequest = (buffer: Buffer, length: number) => boolean

export class Device {
  readonly #fd: number
  readonly #spare: Buffer[] = []
  readonly #paused: (() => void)[] = []
  readonly #header = Buffer.alloc(OUT_HEADER)
  #kept = 0
  #readers = 0
  #onRequest: OnRequest = () => false
  #onEnd: (error: Error | undefined) => void = () => {}

  constructor(fd: number) {
    this.#fd = fd
  }

  /** `onEnd` is called once, when the last reader has ended; with an error where it is not the mount's end. */
  start(readers: number, onRequest: OnRequest, onEnd: (error: Error | undefined) => void): void {
    this.#onRequest = onRequest
    this.#onEnd = onEnd
    this.#readers = readers
    for (let n = 0; n < readers; n++) this.#next(this.#take())
  }

  /** A buffer that `onRequest` kept. */
  giveBack(buffer: Buffer): void {
    this.#kept -= 1
    if (this.#spare.length < MAX_SPARE) this.#spare.push(buffer)
    this.#paused.shift()?.()
  }

  /**
   * Sends an answer whose first bytes are left free for the header. False where nobody waits for it any
   * more. Throws where the kernel refuses its form.
   */
  send(unique: number, errno: number, message: Buffer, length: number): boolean {
    header(message, length, errno, unique)
    return this.#write(() => writeSync(this.#fd, message, 0, length))
  }

  /** Sends data from where it lies. */
  sendData(unique: number, data: Uint8Array): boolean {
    header(this.#header, OUT_HEADER + data.byteLength, 0, unique)
    return this.#write(() => writevSync(this.#fd, [this.#header, data]))
  }

  #write(write: () => number): boolean {
    try {
      write()
      return true
    } catch (error) {
      // ENOENT: the request was given up; ENODEV, ECONNABORTED: so were all.
      if (GONE.has(codeOf(error))) return false
      throw error
    }
  }

  #next(buffer: Buffer): void {
    read(this.#fd, buffer, 0, buffer.length, null, (error, length) => {
      if (error) {
        if (PASSING.has(codeOf(error))) this.#next(buffer)
        else this.#end(codeOf(error) === 'ENODEV' ? undefined : error)
        return
      }
      if (length < IN_HEADER) {
        this.#next(buffer)
        return
      }
      if (!this.#onRequest(buffer, length)) {
        this.#next(buffer)
        return
      }
      this.#kept += 1
      if (this.#kept < MAX_KEPT) this.#next(this.#take())
      else this.#paused.push(() => this.#next(this.#take()))
    })
  }

  #take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(REQUEST)
  }

  #end(error: Error | undefined): void {
    this.#readers -= 1
    if (error === undefined) for (const go of this.#paused.splice(0)) go()
    if (this.#readers > 0) return
    closeSync(this.#fd)
    this.#onEnd(error)
  }
}

/** Where a write's data begins in the buffer of its request. */
export const WRITE_DATA = IN_HEADER + WRITE_IN

const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV', 'ECONNABORTED'])
/** ENOENT: a request was given up while it was read. */
const PASSING: ReadonlySet<string> = new Set(['ENOENT', 'EINTR', 'EAGAIN'])

function header(to: Buffer, length: number, errno: number, unique: number): void {
  to.writeUInt32LE(length, 0)
  to.writeInt32LE(errno, 4)
  write64(to, 8, unique)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
