/**
 * One mount's life, in the daemon's process: checks, parts, kernel, ready, and an orderly end for whatever
 * ends it (a signal, `pailfs umount`, `fusermount3 -u` by hand).
 *
 * Order at the start: nothing is mounted before the bucket answered once, nobody is told "ready" before the
 * kernel has the mount and the control socket listens.
 */
import { FsError } from '../core/errors.ts'
import type { Clock, Log } from '../core/ports.ts'
import type { Finding, MountStatus, WritebackStatus } from '../control/api.ts'
import { ControlServer } from '../control/server.ts'
import type { Handlers } from '../control/server.ts'
import { DEFAULT_DEADLINES } from '../fuse/link.ts'
import type { KernelLink, KernelMount, LinkOptions } from '../fuse/link.ts'
import { createCounters } from '../observe/metrics.ts'
import type { Counters } from '../observe/metrics.ts'
import { checkMount, clearDeadMount, isDeadMount } from './checks.ts'
import type { Compose, Composed } from './compose.ts'
import type { Config } from './config.ts'
import { drainRest, leaveKernel, unmountOrExplain } from './ending.ts'
import type { EndingParts } from './ending.ts'
import { bucketFolder, makePrivate, runFolders, socketPath } from './folders.ts'
import { lockFolder, thisProcess, writeRecord } from './records.ts'

export interface RunParts {
  readonly compose: Compose
  readonly link: KernelLink
  readonly log: Log
  readonly clock: Clock
  /** Called once when the mount answers. */
  readonly ready: () => void
  readonly logFile?: string
  /** Failed operations on a path and below it, as far as remembered. */
  readonly failures?: (path: string) => readonly Finding[]
}

/** How a mount ended: `left` keys are not in the bucket (they are in the journal). */
export interface Ended {
  readonly left: number
}

/** Rejects with MountError, ConfigError or StoreError when there is no mount; leaves nothing behind then. */
export async function runMount(config: Config, parts: RunParts): Promise<Ended> {
  const undo: (() => unknown)[] = []
  try {
    return await new Mount(config, parts, undo).run()
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

class Mount {
  readonly #config: Config
  readonly #parts: RunParts
  readonly #undo: (() => unknown)[]
  readonly #counters: Counters = createCounters()
  readonly #since: number
  /** Aborted by the second signal: what waits, stops waiting. */
  readonly #hurry = new AbortController()
  /** Resolved by the first thing that ends the mount. */
  readonly #end = deferred<'signal' | 'gone'>()
  /** Resolved with the number of keys left, after the last drain. */
  readonly #drained = deferred<number>()
  #state: MountStatus['state'] = 'mounted'

  constructor(config: Config, parts: RunParts, undo: (() => unknown)[]) {
    this.#config = config
    this.#parts = parts
    this.#undo = undo
    this.#since = parts.clock.now()
  }

  async run(): Promise<Ended> {
    const { log, link } = this.#parts
    const { mountPoint, source, readOnly } = this.#config
    // A dead mount stays until the new one can be made: nothing shall be written into the directory below it.
    const dead = await isDeadMount(mountPoint)
    if (!dead) await checkMount(mountPoint, this.#config.kernel)
    this.#onSignals()
    const composed = await this.#compose()
    await Promise.race([composed.probe(), this.#toldToEnd()])
    if (dead) {
      await clearDeadMount(mountPoint)
      log.warn('a dead mount was cleared', { mountPoint })
      await checkMount(mountPoint, this.#config.kernel)
    }
    const mount = await link.mount(composed.fs, linkOptions(this.#config))
    mount.onUnmounted(() => this.#end.resolve('gone'))
    this.#counters.gauge('fuse.pending', () => mount.pending)
    this.#counters.gauge('fuse.inodes', () => mount.inodes ?? 0)
    const ending = this.#ending(mount, composed)
    try {
      await this.#listen(composed, ending)
      log.info('mounted', { source: source.text, mountPoint, readOnly })
      this.#parts.ready()
      const reason = await this.#end.promise
      if (reason === 'signal') await leaveKernel(ending, this.#hurry.signal)
    } catch (error) {
      await leaveKernel(ending, this.#hurry.signal)
      throw error
    }
    this.#state = 'draining'
    const left = await drainRest(ending, this.#hurry.signal)
    log.info('ended', { mountPoint, left })
    this.#drained.resolve(left)
    return { left }
  }

  /** Rejects when a signal comes, so that a start that hangs can be ended. */
  async #toldToEnd(): Promise<never> {
    await this.#end.promise
    throw new FsError('EINTR', 'told to end before the mount was made')
  }

  /** The parts below the kernel link, with the bucket's folder locked while they live. */
  async #compose(): Promise<Composed> {
    const { compose, log, clock } = this.#parts
    const folder = bucketFolder(this.#config)
    makePrivate(folder)
    this.#undo.push(lockFolder(folder, this.#config.mountPoint))
    const composed = await compose(this.#config, { log, clock, counters: this.#counters, folder })
    this.#undo.push(() => composed.close())
    return composed
  }

  /** Socket and record: from here on the other commands find this mount. */
  async #listen(composed: Composed, ending: EndingParts): Promise<void> {
    const { mountPoint, source } = this.#config
    const [folder = ''] = runFolders()
    makePrivate(folder)
    const socket = socketPath(folder, mountPoint)
    const server = await ControlServer.listen(
      socket,
      this.#handlers(composed, ending),
      this.#parts.log,
    )
    this.#undo.push(() => server.close())
    const { logFile } = this.#parts
    const record = {
      ...thisProcess(),
      mountPoint,
      source: source.text,
      socket,
      since: this.#since,
      ...(logFile === undefined ? {} : { logFile }),
    }
    this.#undo.push(writeRecord(folder, record))
  }

  #handlers(composed: Composed, ending: EndingParts): Handlers {
    const { control } = composed
    return {
      status: async () => this.#status(control.status()),
      flush: async ({ path }, signal) => {
        await control.flush(path, signal)
        return null
      },
      why: async ({ path }) => [
        ...(await control.why(path)),
        ...(this.#parts.failures?.(path) ?? []),
      ],
      url: ({ path, expires }) => control.url(path, expires),
      stat: ({ path }) => {
        if (!control.stat) throw new FsError('EOPNOTSUPP', 'not of this mount')
        return control.stat(path)
      },
      unmount: async ({ flush }, signal) => {
        if (flush) await control.flush('/', signal).catch(leftOver)
        if (signal.aborted) throw new FsError('EINTR', 'nobody waits for the unmount any more')
        await unmountOrExplain(ending)
        const left = await this.#drained.promise
        if (left > 0) throw new FsError('EAGAIN', `${left} changes are not in the bucket yet`)
        return null
      },
    }
  }

  #status(writeback: WritebackStatus): MountStatus {
    const { mountPoint, source, readOnly } = this.#config
    const { logFile } = this.#parts
    return {
      ...writeback,
      pid: process.pid,
      source: source.text,
      mountPoint,
      since: this.#since,
      readOnly,
      state: this.#state,
      ...(logFile === undefined ? {} : { logFile }),
      counters: this.#counters.snapshot(),
    }
  }

  /** The first signal ends the mount in order; the second stops waiting for programs and for the bucket. */
  #onSignals(): void {
    let count = 0
    const onSignal = (signal: NodeJS.Signals) => {
      count += 1
      this.#parts.log.info(count === 1 ? 'told to end' : 'told to end at once', { signal })
      if (count > 1) this.#hurry.abort()
      this.#end.resolve('signal')
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, onSignal)
      this.#undo.push(() => process.off(signal, onSignal))
    }
    // The terminal's end is not the mount's.
    process.on('SIGHUP', ignoreSignal)
    this.#undo.push(() => process.off('SIGHUP', ignoreSignal))
  }

  #ending(mount: KernelMount, composed: Composed): EndingParts {
    const { log, clock } = this.#parts
    const { mountPoint, drainTimeout } = this.#config
    return { mountPoint, mount, composed, drainTimeout, log, clock }
  }
}

/** What could not be sent is no failure to unmount: it is not tried. */
function leftOver(error: unknown): never {
  if (error instanceof FsError && error.errno !== 'EINTR') {
    throw new FsError('EAGAIN', error.message, error)
  }
  throw error
}

function ignoreSignal(): void {}

function linkOptions(config: Config): LinkOptions {
  return {
    mountPoint: config.mountPoint,
    source: config.source.text,
    readOnly: config.readOnly,
    deadlines: DEFAULT_DEADLINES,
    ...config.kernel,
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  const promise = new Promise<T>(settle => (resolve = settle))
  return { promise, resolve }
}
