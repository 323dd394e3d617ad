/**
 * The reply guard: every request of the kernel is answered exactly once and in time.
 *
 * A second answer would be taken for that of another request (fuse-native's C code posts a semaphore for
 * each), a missing one leaves the calling program in a state that not even SIGKILL ends. So an answer passes
 * here: once, with whatever was thrown turned into an errno, and by a deadline in any case.
 *
 * One timer looks at all waiting requests every `TICK`: a timer for each would cost a quarter of the speed
 * of small requests.
 */
import { FsError, isLogged, LookAgain } from '../core/errors.ts'
import type { Log } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import { answerFor, errnoNumber, isNotable } from './errno.ts'
import type { Deadlines } from './link.ts'

/** How exactly a deadline is kept. */
const TICK: Milliseconds = 1000
/** An error that is the same in operation, path and errno is not logged again for so long. */
const QUIET_TICKS = 10
/** Bound on the errors remembered for that. */
const MAX_RECENT = 256

const DURABLE: ReadonlySet<string> = new Set(['flush', 'fsync', 'fsyncdir', 'release', 'copy'])

/** A path, or how to find it: looked for only where something is to be said of it. */
export type PathOf = string | (() => string)

/** A request that `run` was called for. */
export interface Request {
  readonly operation: string
  readonly path: PathOf
  readonly since: number
  readonly limit: number
  readonly fail: (errno: number) => void
}

export class Guard {
  readonly #log: Log
  readonly #limits: { durable: number; other: number }
  readonly #waiting = new Set<Request>()
  readonly #recent = new Map<string, number>()
  readonly #timer: NodeJS.Timeout
  #ticks = 0

  constructor(log: Log, deadlines: Deadlines, tick: Milliseconds = TICK) {
    this.#log = log
    this.#limits = {
      durable: Math.max(1, Math.ceil(deadlines.durable / tick)),
      other: Math.max(1, Math.ceil(deadlines.other / tick)),
    }
    this.#timer = setInterval(() => this.#expire(), tick)
    this.#timer.unref()
  }

  /** Requests not answered yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Runs `work` and answers with exactly one call of `answer` or `fail` that returns. Both must do the native
   * call last, so that one that throws has not answered yet. `fail` gets a number from -511 to -1.
   */
  run<T>(
    operation: string,
    path: PathOf,
    work: () => Promise<T>,
    answer: (value: T) => void,
    fail: (errno: number) => void,
  ): Request {
    const limit = DURABLE.has(operation) ? this.#limits.durable : this.#limits.other
    const request = { operation, path, since: this.#ticks, limit, fail }
    this.#waiting.add(request)
    let result: Promise<T>
    try {
      result = work()
    } catch (error) {
      this.#fail(request, error)
      return request
    }
    // A work that returns no promise is a mistake; resolve() makes it an answer all the same.
    Promise.resolve(result).then(
      value => {
        if (this.#waiting.delete(request)) this.#finish(request, () => answer(value))
      },
      (error: unknown) => this.#fail(request, error),
    )
    return request
  }

  /** Answers a request with an error before its work has ended; nothing where it has been answered. */
  stop(request: Request, error: FsError): void {
    this.#fail(request, error)
  }

  /** Whether it is not answered yet. */
  isWaiting(request: Request): boolean {
    return this.#waiting.has(request)
  }

  /** Stops watching; for after the mount's end. */
  close(): void {
    clearInterval(this.#timer)
  }

  #finish(request: Request, answer: () => void): void {
    try {
      answer()
    } catch (error) {
      this.#waiting.add(request)
      this.#fail(request, error)
    }
  }

  #fail(request: Request, thrown: unknown): void {
    if (!this.#waiting.delete(request)) return
    const { error, number } = answerFor(thrown)
    if (!(error instanceof LookAgain) && isNotable(error) && !isLogged(error)) {
      this.#report(request, error)
    }
    request.fail(number)
  }

  #expire(): void {
    this.#ticks += 1
    for (const request of this.#waiting) {
      if (this.#ticks - request.since <= request.limit) continue
      this.#waiting.delete(request)
      this.#report(request, new FsError('ETIMEDOUT', 'the deadline of the operation has passed'))
      request.fail(errnoNumber('ETIMEDOUT'))
    }
  }

  #report(request: Request, error: FsError): void {
    const path = typeof request.path === 'string' ? request.path : request.path()
    const same = `${request.operation} ${error.errno} ${path}`
    const last = this.#recent.get(same)
    if (last !== undefined && this.#ticks - last < QUIET_TICKS) return
    if (this.#recent.size >= MAX_RECENT) this.#recent.clear()
    this.#recent.set(same, this.#ticks)
    this.#log.error('operation failed', {
      operation: request.operation,
      path,
      errno: error.errno,
      reason: error.message.replace(`${error.errno}: `, ''),
      cause: error.cause,
    })
  }
}
