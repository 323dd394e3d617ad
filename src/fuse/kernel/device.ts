/**
 * /dev/fuse: takes requests from where they are read (`Source`) and writes answers. An answer is written at
 * once: the kernel copies it and never waits.
 *
 * The connection's end is a failing read (ENODEV, or ECONNABORTED where it was aborted).
 */
import { writeSync, writevSync } from 'node:fs'
import { IN_HEADER, MAX_IO, OUT_HEADER, PAGE, write64 } from './protocol.ts'

/** Header, arguments and data of the largest write; the kernel refuses reads into less. */
const REQUEST = PAGE + MAX_IO
/** Bound on buffers that writes under way hold (1 MiB each). While it is reached no request is read. */
const MAX_KEPT = 64
/** Bound on buffers that lie unused. */
const MAX_SPARE = 8
/** Writes up to this size are copied out of the reader's buffer. */
export const SMALL_WRITE = 65_536

/** Takes one request. True: it keeps the buffer and calls `giveBack` later. */
export type OnRequest = (buffer: Buffer, length: number) => boolean

/** Where requests come from. */
export interface Source {
  /** What it returns makes it go on after `mayGoOn` said no. */
  start(to: Receiver): () => void
}

/** Where they go. */
export interface Receiver {
  /** A buffer to read into. */
  readonly take: () => Buffer
  readonly onRequest: OnRequest
  /** Asked after each request. */
  readonly mayGoOn: () => boolean
  /** The descriptor is about to be closed. */
  readonly onClosing: () => void
  /** Called once, with the failure of the last read. */
  readonly onEnd: (error: Error | undefined) => void
}

export class Device {
  readonly #fd: number
  readonly #source: Source
  readonly #spare: Buffer[] = []
  readonly #header = Buffer.alloc(OUT_HEADER)
  #kept = 0
  #ended = false
  #goOn: () => void = () => {}

  constructor(descriptor: number, source: Source) {
    this.#fd = descriptor
    this.#source = source
  }

  /** `onEnd` is called once; with an error where it is not the mount's end. */
  start(onRequest: OnRequest, onEnd: (error: Error | undefined) => void): void {
    this.#goOn = this.#source.start({
      take: () => this.#spare.pop() ?? Buffer.allocUnsafeSlow(REQUEST),
      onRequest: (buffer, length) => {
        const keeps = length >= IN_HEADER && onRequest(buffer, length)
        if (keeps) this.#kept += 1
        return keeps
      },
      mayGoOn: () => this.#kept < MAX_KEPT,
      onClosing: () => (this.#ended = true),
      onEnd: error => onEnd(GONE.has(codeOf(error)) ? undefined : error),
    })
  }

  /** A buffer that `onRequest` kept. */
  giveBack(buffer: Buffer): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(buffer)
    this.#kept -= 1
    if (this.#kept === MAX_KEPT - 1 && !this.#ended) this.#goOn()
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
    // The descriptor is closed then, and its number may be another file's.
    if (this.#ended) return false
    try {
      write()
      return true
    } catch (error) {
      // ENOENT: the request was given up; the others: so were all.
      if (GONE.has(codeOf(error)) || codeOf(error) === 'ENOENT') return false
      throw error
    }
  }
}

const GONE: ReadonlySet<string> = new Set(['ENODEV', 'ECONNABORTED'])

function header(to: Buffer, length: number, errno: number, unique: number): void {
  to.writeUInt32LE(length, 0)
  to.writeInt32LE(errno, 4)
  write64(to, 8, unique)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
