/**
 * The kernel link over fuse-native. One `Fuse` object a mount, of which only mounting itself, the option
 * string and the start signal are used; requests go to our own handlers.
 *
 * - A mount that fails halfway stays in the kernel without anyone to answer: it is taken away at once.
 * - /dev/fuse is inherited by children (no CLOEXEC), so the process starts none that lives long after this.
 * - libfuse's threads end by themselves when the kernel lets go, and nobody is told: mountinfo is watched.
 */
// oxlint-disable no-underscore-dangle -- fuse-native's own names
import { FsError } from '../../core/errors.ts'
import type { Milliseconds } from '../../core/types.ts'
import type { FileSystem } from '../../fs/api.ts'
import { MountError } from '../link.ts'
import type { KernelLink, KernelMount, LinkOptions, LinkParts } from '../link.ts'
import { readMounts } from '../mountinfo.ts'
import { unmountPoint } from '../unmount.ts'
import { loadNative } from './binding.ts'
import type { Binding } from './binding.ts'
import { Guard } from '../guard.ts'
import { buildHandlers } from './handlers.ts'
import { optionString } from './options.ts'

/** How often mountinfo is looked at for an unmount from outside. */
const WATCH: Milliseconds = 500
/** How long the kernel may take to drop the mount after fusermount3 said so. */
const LET_GO: Milliseconds = 10_000

export class NativeLink implements KernelLink {
  readonly #parts: LinkParts

  constructor(parts: LinkParts) {
    this.#parts = parts
  }

  async mount(fs: FileSystem, options: LinkOptions): Promise<KernelMount> {
    const text = optionString(options)
    const { Fuse, binding } = loadNative()
    const guard = new Guard(this.#parts.log, options.deadlines)
    const table = buildHandlers(binding, guard, fs, options)
    const fuse = new Fuse(options.mountPoint, {}, { timeout: false })
    fuse._fuseOptions = () => text
    const init = binding['op_init'] as number
    const signalInit = binding['fuse_native_signal_init'] as (
      thread: Buffer,
      result: number,
    ) => void
    const handlers = [...table.handlers]
    handlers[init] = (thread: Buffer) => fuse._op_init(result => signalInit(thread, result))
    fuse._handlers = handlers
    fuse._implemented = table.implemented.add(init)

    const before = new Set((await readMounts()).map(mount => mount.id))
    try {
      await new Promise<void>((resolve, reject) => {
        fuse.mount(error => (error ? reject(error) : resolve()))
      })
    } catch (error) {
      guard.close()
      await this.#clean(options.mountPoint, before)
      letGo(binding, options.mountPoint, fuse._thread)
      throw mountError(error)
    }
    const ours = await newMount(options.mountPoint, before)
    return new NativeMount(
      options.mountPoint,
      ours,
      guard,
      binding,
      () => fuse._thread,
      this.#parts,
    )
  }

  /** Only what came since is ours to take away. */
  async #clean(mountPoint: string, before: ReadonlySet<number>): Promise<void> {
    if ((await newMount(mountPoint, before)) === undefined) return
    try {
      await unmountPoint(mountPoint, true)
    } catch (error) {
      this.#parts.log.error('a failed mount could not be taken away', { mountPoint, cause: error })
    }
  }
}

class NativeMount implements KernelMount {
  readonly #mountPoint: string
  readonly #id: number | undefined
  readonly #guard: Guard
  readonly #binding: Binding
  readonly #thread: () => Buffer | null
  readonly #parts: LinkParts
  readonly #listeners: (() => void)[] = []
  readonly #watch: NodeJS.Timeout
  #gone = false
  #looking = false

  constructor(
    mountPoint: string,
    id: number | undefined,
    guard: Guard,
    binding: Binding,
    thread: () => Buffer | null,
    parts: LinkParts,
  ) {
    this.#mountPoint = mountPoint
    this.#id = id
    this.#guard = guard
    this.#binding = binding
    this.#thread = thread
    this.#parts = parts
    this.#watch = setInterval(() => void this.#look(), WATCH)
  }

  get pending(): number {
    return this.#guard.waiting
  }

  onUnmounted(then: () => void): void {
    if (this.#gone) then()
    else this.#listeners.push(then)
  }

  async unmount(): Promise<void> {
    if (this.#gone) return
    try {
      await unmountPoint(this.#mountPoint)
    } catch (error) {
      if (!(await this.#isGone())) throw error
    }
    const end = this.#parts.clock.now() + LET_GO
    while (!(await this.#isGone())) {
      if (this.#parts.clock.now() > end) throw new FsError('EIO', 'the kernel keeps the mount')
      await new Promise<void>(resolve => this.#parts.clock.after(20, resolve))
    }
    this.#finish()
  }

  async #look(): Promise<void> {
    if (this.#looking || this.#gone) return
    this.#looking = true
    try {
      if (await this.#isGone()) this.#finish()
    } catch (error) {
      this.#parts.log.warn('the list of mounts cannot be read', { cause: error })
    } finally {
      this.#looking = false
    }
  }

  async #isGone(): Promise<boolean> {
    if (this.#gone) return true
    const mounts = await readMounts()
    return !mounts.some(mount => mount.id === this.#id && mount.mountPoint === this.#mountPoint)
  }

  #finish(): void {
    if (this.#gone) return
    this.#gone = true
    clearInterval(this.#watch)
    this.#guard.close()
    letGo(this.#binding, this.#mountPoint, this.#thread())
    for (const then of this.#listeners.splice(0)) then()
  }
}

/** The C side holds the event loop until told; nothing else happens there. */
function letGo(binding: Binding, mountPoint: string, thread: Buffer | null): void {
  if (thread) binding.fuse_native_unmount(mountPoint, thread)
}

async function newMount(
  mountPoint: string,
  before: ReadonlySet<number>,
): Promise<number | undefined> {
  const mounts = await readMounts()
  return mounts.findLast(mount => mount.mountPoint === mountPoint && !before.has(mount.id))?.id
}

function mountError(error: unknown): MountError {
  const text = error instanceof Error ? error.message : String(error)
  if (text.includes('Mountpoint in use')) {
    return new MountError(
      'the mount point is a mount already',
      'Use an empty directory that lies on its parent directory’s file system',
      error,
    )
  }
  if (text.includes('fuse failed')) {
    return new MountError(
      'the kernel refused the mount',
      'The lines above from fusermount3 or mount may say why; /dev/fuse must be usable and the mount point yours',
      error,
    )
  }
  return new MountError(text, undefined, error)
}
