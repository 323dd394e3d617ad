/**
 * The kernel link that speaks the FUSE protocol itself, over /dev/fuse: no library, no native code.
 *
 * - The device is opened so that no child inherits it; when the process dies, so does the connection.
 * - The mount has ended when the device says so: later than it has left the list of mounts, where it was
 *   detached with files open. They are served until they are closed.
 * - A process that ends before that ends the connection; where threads read it must do so itself.
 */
import { writeFile } from 'node:fs/promises'
import { FsError } from '../../core/errors.ts'
import type { Milliseconds } from '../../core/types.ts'
import type { FileSystem } from '../../fs/api.ts'
import { Guard } from '../guard.ts'
import { MountError } from '../link.ts'
import type { KernelLink, KernelMount, LinkOptions, LinkParts } from '../link.ts'
import { readMounts } from '../mountinfo.ts'
import type { MountEntry } from '../mountinfo.ts'
import { unmountPoint } from '../unmount.ts'
import { abortConnection } from './abort.ts'
import { Call } from './call.ts'
import { Device } from './device.ts'
import { dispatch, handlerTable } from './dispatch.ts'
import { makeMount } from './mount-call.ts'
import { negotiate } from './negotiate.ts'
import { OP } from './protocol.ts'
import { pollSource } from './poll-source.ts'
import { Replies } from './replies.ts'
import { Session } from './session.ts'
import { threadSource } from './thread-source.ts'

/** How long the kernel may take to drop the mount after it was unmounted. */
const LET_GO: Milliseconds = 2000
/** How often the callers of interrupted requests are looked at. */
const LOOK_AGAIN: Milliseconds = 1000
/** How far the kernel reads ahead. Its own 128 KiB would be one request at a time. */
const READ_AHEAD_KIB = 4096

/** How requests are read: `poll` where it can be, unless threads are asked for (tests). */
export type Reading = 'poll' | 'threads'

export class DirectLink implements KernelLink {
  readonly #parts: LinkParts
  readonly #reading: Reading

  constructor(parts: LinkParts, reading: Reading = 'poll') {
    this.#parts = parts
    this.#reading = reading
  }

  async mount(fs: FileSystem, options: LinkOptions): Promise<KernelMount> {
    const descriptor = await makeMount(options)
    const polled = this.#reading === 'poll' ? pollSource(descriptor) : undefined
    const device = new Device(descriptor, polled ?? threadSource(descriptor))
    const mount = new DirectMount(fs, options, this.#parts, device, polled === undefined)
    await mount.start()
    return mount
  }
}

class DirectMount implements KernelMount {
  readonly #options: LinkOptions
  readonly #parts: LinkParts
  readonly #guard: Guard
  readonly #device: Device
  readonly #session: Session
  readonly #listeners: (() => void)[] = []
  readonly #mustAbort: boolean
  readonly #atExit = () => this.#abort()
  #entry: MountEntry | undefined
  #lookAgain: NodeJS.Timeout | undefined
  #gone = false

  /** `mustAbort`: the process cannot end while the connection lives. */
  constructor(
    fs: FileSystem,
    options: LinkOptions,
    parts: LinkParts,
    device: Device,
    mustAbort: boolean,
  ) {
    this.#options = options
    this.#parts = parts
    this.#mustAbort = mustAbort
    this.#guard = new Guard(parts.log, options.deadlines)
    this.#device = device
    const replies = new Replies(device, options)
    this.#session = new Session({ fs, device, replies, guard: this.#guard })
  }

  get pending(): number {
    return this.#guard.waiting
  }

  get inodes(): number {
    return this.#session.places.size
  }

  /** Resolves when the kernel has been answered for the first time. */
  async start(): Promise<void> {
    if (this.#mustAbort) process.on('exit', this.#atExit)
    const mounts = await readMounts()
    this.#entry = mounts.findLast(({ mountPoint }) => mountPoint === this.#options.mountPoint)
    try {
      await new Promise<void>((resolve, reject) => this.#serve(resolve, reject))
    } catch (error) {
      await unmountPoint(this.#options.mountPoint, true).catch(() => {})
      throw error
    }
    this.#lookAgain = setInterval(() => this.#session.lookAgain(), LOOK_AGAIN)
    this.#lookAgain.unref()
    await this.#setReadAhead()
  }

  onUnmounted(then: () => void): void {
    if (this.#gone) then()
    else this.#listeners.push(then)
  }

  async unmount(): Promise<void> {
    if (this.#gone) return
    try {
      await unmountPoint(this.#options.mountPoint)
    } catch (error) {
      if (await this.#isListed()) throw error
    }
    const { clock } = this.#parts
    const end = clock.now() + LET_GO
    while (!this.#gone && clock.now() < end) {
      await new Promise<void>(resolve => clock.after(10, resolve))
    }
    if (this.#gone) return
    if (await this.#isListed()) throw new FsError('EIO', 'the kernel keeps the mount')
    // Detached, or seen in another name space: whoever is still there is served until the process ends.
  }

  #serve(started: () => void, failed: (error: Error) => void): void {
    const table = handlerTable(this.#options)
    const { log } = this.#parts
    const onRequest = (buffer: Buffer, length: number): boolean => {
      const call = new Call(buffer, length)
      if (call.opcode !== OP.init) return dispatch(table, this.#session, call, log)
      const answer = negotiate(call, this.#options)
      if (typeof answer === 'string') {
        failed(new MountError(answer, 'Use --fuse=native'))
        this.#session.replies.error(call.unique, -71)
        return false
      }
      this.#session.replies.init(call.unique, answer.agreed)
      if (!answer.again) started()
      return false
    }
    this.#device.start(onRequest, error => {
      if (error) log.error('the connection to the kernel has failed', { cause: error })
      failed(new MountError('the mount ended before it began', undefined, error))
      this.#finish()
    })
  }

  /** Below the kernel's own setting our requests come one by one. */
  async #setReadAhead(): Promise<void> {
    try {
      await writeFile(`/sys/class/bdi/${this.#entry?.device}/read_ahead_kb`, String(READ_AHEAD_KIB))
    } catch (error) {
      this.#parts.log.debug('read-ahead of the kernel stays small', { cause: error })
    }
  }

  async #isListed(): Promise<boolean> {
    if (this.#gone) return false
    return (await readMounts()).some(({ id }) => id === this.#entry?.id)
  }

  #finish(): void {
    if (this.#gone) return
    this.#gone = true
    process.off('exit', this.#atExit)
    clearInterval(this.#lookAgain)
    this.#guard.close()
    void this.#session.handles.releaseAll(this.#session.fs).then(() => {
      for (const then of this.#listeners.splice(0)) then()
    })
  }

  #abort(): void {
    if (this.#entry !== undefined) abortConnection(this.#entry.device)
  }
}
