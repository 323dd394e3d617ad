/**
 * What the handlers of one mount share: the file system, the answers, and `run`, by which each request gets
 * exactly one answer.
 */
import { FsError } from '../../core/errors.ts'
import type { Ino } from '../../core/types.ts'
import type { Attr, FileSystem, Known } from '../../fs/api.ts'
import type { Guard, Request } from '../guard.ts'
import type { Call } from './call.ts'
import { bits, isToEnd } from './caller.ts'
import type { Device } from './device.ts'
import { Handles } from './handles.ts'
import { Memory } from './memory.ts'
import { Places } from './places.ts'
import type { Replies } from './replies.ts'

/** Answers a request now or later. True: the request's buffer is kept, to be given back to the device. */
export type Handler = (session: Session, call: Call) => boolean | void

/** A request under way whose caller may be ended. */
interface Pending {
  readonly call: Call
  readonly request: Request
}

export interface SessionParts {
  readonly fs: FileSystem
  readonly device: Device
  readonly replies: Replies
  readonly guard: Guard
}

export class Session {
  readonly fs: FileSystem
  readonly device: Device
  readonly replies: Replies
  readonly places = new Places()
  readonly handles = new Handles()
  readonly memory = new Memory()
  readonly #guard: Guard
  readonly #pending = new Map<number, Pending>()
  /** Told to stop by a signal that may not be the caller's end. */
  readonly #interrupted = new Set<Pending>()

  constructor({ fs, device, replies, guard }: SessionParts) {
    this.fs = fs
    this.device = device
    this.replies = replies
    this.#guard = guard
  }

  /**
   * Does `work` and sends its result with `answer`, or the errno of what it threw. What is named `name` is
   * for the log. Where the answer was an error already (deadline, caller's end), `call.answered` is set and
   * `answer` is not called.
   */
  run<T>(
    call: Call,
    operation: string,
    work: () => Promise<T>,
    answer: (value: T) => void,
    name?: string,
  ): void {
    const { unique } = call
    const request = this.#guard.run(
      operation,
      () => this.places.pathOf(call.ino, name),
      work,
      value => {
        answer(value)
        this.#pending.delete(unique)
      },
      errno => {
        call.answered = true
        this.#pending.delete(unique)
        this.replies.error(unique, errno)
      },
    )
    if (!call.answered) this.#pending.set(unique, { call, request })
  }

  /** As `run`, for work whose answer says nothing but that it is done. */
  status(call: Call, operation: string, work: () => Promise<unknown>, name?: string): void {
    this.run(call, operation, work, () => void this.replies.ok(call.unique), name)
  }

  /** Answers with an inode that the kernel counts. */
  entry(call: Call, parent: Ino, name: string, attr: Attr, known?: Known): void {
    if (!this.replies.entry(call.unique, attr, known?.fresh)) return
    this.places.told(attr.ino, parent, name, attr.provisional)
    if (known) this.handles.told(attr.ino, known.generation)
  }

  /**
   * The caller of a request got a signal. Only one that ends it, or asks it to end, gives the request up, with EINTR:
   * programs do not expect that of a file for a timer's or a child's signal. The kernel tells us once, so the
   * caller is looked at again from time to time (`lookAgain`).
   */
  interrupt(unique: number): void {
    const pending = this.#pending.get(unique)
    if (pending === undefined || !GIVE_UP.has(pending.request.operation)) return
    this.#interrupted.add(pending)
    this.#giveUp(pending)
  }

  lookAgain(): void {
    for (const pending of this.#interrupted) this.#giveUp(pending)
  }

  #giveUp(pending: Pending): void {
    if (!this.#guard.isWaiting(pending.request)) {
      this.#interrupted.delete(pending)
    } else if (isToEnd(pending.call.pid, GIVE_UP.get(pending.request.operation) ?? FATAL)) {
      this.#interrupted.delete(pending)
      this.#guard.stop(pending.request, new FsError('EINTR', 'the calling program is to end'))
    }
  }
}

/** The kernel turns each signal that ends a program into a pending SIGKILL. */
const FATAL = bits(9)
/** Those by which a program is asked to end, whatever it does about it: HUP, INT, QUIT, TERM. */
const ASKED = FATAL | bits(1, 2, 3, 15)

/**
 * What may be given up, and for which signals. What changes something may still happen afterwards, so that only a
 * program that will not hear the answer is left alone with it: another one would do it again.
 */
const GIVE_UP: ReadonlyMap<string, bigint> = new Map([
  ...['lookup', 'getattr', 'readlink', 'open', 'read', 'flush', 'fsync', 'fsyncdir'].map(asked),
  ...['opendir', 'readdir', 'statfs', 'getxattr', 'listxattr'].map(asked),
  ...['create', 'mkdir', 'mknod', 'symlink', 'unlink', 'rmdir', 'rename', 'setattr'].map(fatal),
  ...['write', 'setxattr', 'removexattr', 'copy'].map(fatal),
])

function asked(operation: string): [string, bigint] {
  return [operation, ASKED]
}

function fatal(operation: string): [string, bigint] {
  return [operation, FATAL]
}
