/**
 * The whole core in memory: file system, write-back, journal and caches over a store in memory, under virtual time.
 * No kernel and no network, so a run repeats by its seed. Paths are walked as a kernel does, by a lookup for each
 * name; symlinks are not followed.
 */
import { HeadAhead } from '../../src/cache/head-ahead.ts'
import { memoryMetaCache } from '../../src/cache/meta-cache.ts'
import { CachedReader } from '../../src/cache/object-reader.ts'
import { S3_DIRECTORY } from '../../src/core/content-type.ts'
import { FsError } from '../../src/core/errors.ts'
import { Bodies } from '../../src/writeback/bodies.ts'
import { partLayout } from '../../src/core/parts.ts'
import { silentLog, type Clock, type Log, type Random } from '../../src/core/ports.ts'
import type { Attr, AttrChange, FileSystem, OpenFlags } from '../../src/fs/api.ts'
import type { FsContext, FsOptions } from '../../src/fs/context.ts'
import { ageingClock } from '../../src/observe/clock.ts'
import { createFileSystem } from '../../src/fs/filesystem.ts'
import { MemoryJournal } from '../../src/journal/memory-journal.ts'
import { CountingStore } from '../../src/store/memory/counting.ts'
import { FaultyStore, type FaultOptions } from '../../src/store/memory/faults.ts'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import type { MemoryStoreOptions } from '../../src/store/memory/options.ts'
import { withRetry } from '../../src/store/retry.ts'
import type { ObjectStore } from '../../src/store/store.ts'
import { StagedFiles } from '../../src/writeback/staged.ts'
import { WriteBack } from '../../src/writeback/writeback.ts'
import { VirtualClock, seeded } from './virtual-clock.ts'

export const READ: OpenFlags = { read: true, write: false, append: false, truncate: false }
export const WRITE: OpenFlags = { read: false, write: true, append: false, truncate: false }
export const BOTH: OpenFlags = { read: true, write: true, append: false, truncate: false }

/** Limits that make files of a few hundred bytes large ones. */
export const TINY = { minPart: 64, maxPart: 1 << 20, maxParts: 1000 }

export interface CoreOptions {
  readonly seed?: number
  /** Shared with others, or kept from a core that crashed. */
  readonly clock?: VirtualClock
  readonly memory?: MemoryStore
  readonly journal?: MemoryJournal
  readonly random?: Random
  /** What the parts see of the clock; for a simulator that counts and stops timers. */
  readonly time?: Clock
  /** The clock of ages and waits, where `time` is set in between. */
  readonly steady?: Clock
  readonly store?: Partial<MemoryStoreOptions>
  readonly faults?: Partial<FaultOptions>
  /** Put around the counted store: to watch what arrives. */
  readonly around?: (store: ObjectStore) => ObjectStore
  readonly pause?: () => Promise<void>
  readonly stagingLimit?: number
  readonly partSize?: number
  readonly cacheBytes?: number
  readonly rest?: number
  readonly log?: Log
  readonly fs?: Partial<FsOptions>
}

/** One process's worth of pailfs. */
export class Core {
  readonly options: CoreOptions
  readonly clock: VirtualClock
  readonly memory: MemoryStore
  readonly faulty: FaultyStore
  readonly counting: CountingStore
  readonly journal: MemoryJournal
  readonly staged: StagedFiles
  readonly writeBack: WriteBack
  readonly fs: FileSystem
  readonly context: FsContext
  readonly #heads: HeadAhead
  readonly #reader: CachedReader

  constructor(options: CoreOptions = {}) {
    const { log = silentLog, partSize = 256, cacheBytes = 4 << 20 } = options
    this.options = options
    this.clock = options.clock ?? new VirtualClock()
    const clock = options.time ?? this.clock
    const random = options.random ?? seeded(options.seed ?? 1)
    this.memory =
      options.memory ??
      new MemoryStore({ clock: this.clock, random, limits: TINY, ...options.store })
    this.faulty = new FaultyStore(this.memory, { clock, random, ...options.faults })
    this.counting = new CountingStore(options.around?.(this.faulty) ?? this.faulty)
    this.journal = options.journal ?? new MemoryJournal(journalOptions(options))
    const raw = this.counting
    const ports = { clock, random, log }
    const store = withRetry(raw, ports)
    this.#reader = new CachedReader({ ...ports, store: raw, cacheBytes })
    const metaCache = memoryMetaCache()
    this.#heads = new HeadAhead({ store, meta: metaCache })
    this.staged = new StagedFiles(this.journal, partLayout(undefined, raw.limits, partSize))
    const { journal, staged } = this
    const reader = this.#reader
    this.writeBack = new WriteBack({
      ...ports,
      clock: options.steady ?? clock,
      wall: clock,
      store: raw,
      reader,
      journal,
      staged,
      bodies: new Bodies(1 << 20),
      partSize,
      acl: undefined,
      rest: options.rest ?? 1000,
      temporaryRest: 300_000,
      patience: 60_000,
      atOnce: 8,
    })
    const { fs, context } = createFileSystem(
      {
        store,
        reader,
        heads: this.#heads,
        metaCache,
        journal,
        staged,
        writeBack: this.writeBack,
        clock: options.steady ? ageingClock(options.steady, clock) : clock,
        wall: clock,
        log,
      },
      { ...FS_OPTIONS, ...options.fs },
    )
    this.fs = fs
    this.context = context
  }

  /** Lets time pass until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.run(promise)
  }

  /** Ends this one without a word to anybody, as its process would. */
  stop(): void {
    this.writeBack.close()
    this.#heads.close()
    this.#reader.close()
  }

  /** kill -9 and a new start, over the same journal and bucket. */
  restart(more: Partial<CoreOptions> = {}): Core {
    this.faulty.kill()
    this.journal.crash('kill')
    this.stop()
    const { clock, memory } = this
    return new Core({ ...this.options, clock, memory, journal: this.journal.reopen(), ...more })
  }

  /** Another machine's, over the same bucket. */
  other(more: Partial<CoreOptions> = {}): Core {
    const { clock, memory } = this
    const { journal: _, ...options } = this.options
    return new Core({ ...options, clock, memory, ...more })
  }

  /** Sends everything; the number of keys left. */
  drain(limit = 3_600_000): Promise<number> {
    return this.run(this.writeBack.drain(limit))
  }

  /** The inode number at a path. */
  async ino(path: string): Promise<number> {
    let ino = 1
    for (const name of namesIn(path)) ino = (await this.fs.lookup(ino, name)).ino
    return ino
  }

  /** The same for a directory; rejects ENOTDIR where another kind is on the way. */
  async dir(names: readonly string[]): Promise<number> {
    let ino = 1
    for (const name of names) {
      const attr = await this.fs.lookup(ino, name)
      if (attr.kind !== 'directory') throw new FsError('ENOTDIR', name)
      ino = attr.ino
    }
    return ino
  }

  /** The directory that the path's last name is in. */
  async place(path: string): Promise<{ dir: number; name: string }> {
    const names = namesIn(path)
    const name = names.pop() ?? ''
    return { dir: await this.dir(names), name }
  }

  /** open(2): the handle. */
  async open(path: string, how: OpenHow = {}): Promise<number> {
    const { flags = READ, create = false, exclusive = false, perm = 0o644 } = how
    const { dir, name } = await this.place(path)
    for (;;) {
      const found = await this.fs.lookup(dir, name).catch(orNothing)
      if (found && create && exclusive) throw new FsError('EEXIST', path)
      if (found?.kind === 'directory') throw new FsError('EISDIR', path)
      if (found) return this.fs.open(found.ino, flags)
      if (!create) throw new FsError('ENOENT', path)
      try {
        return (await this.fs.create(dir, name, perm, flags)).handle
      } catch (error) {
        if (exclusive || !(error instanceof FsError) || error.errno !== 'EEXIST') throw error
      }
    }
  }

  /** close(2) of the last descriptor. */
  async close(handle: number): Promise<void> {
    try {
      await this.fs.flush(handle)
    } finally {
      await this.fs.release(handle)
    }
  }

  /** A whole file, as `echo > path` does it. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const flags = { ...WRITE, truncate: true }
    await this.run(
      this.#with(path, { flags, create: true }, handle =>
        this.fs.write(handle, bytesOf(content), 0),
      ),
    )
  }

  /** Writes into a file that is there, or is made. */
  async patch(path: string, content: string | Uint8Array, offset: number): Promise<void> {
    await this.run(
      this.#with(path, { flags: WRITE, create: true }, handle =>
        this.fs.write(handle, bytesOf(content), offset),
      ),
    )
  }

  async append(path: string, content: string | Uint8Array): Promise<void> {
    const flags = { ...WRITE, append: true }
    await this.run(
      this.#with(path, { flags, create: true }, handle =>
        this.fs.write(handle, bytesOf(content), 0),
      ),
    )
  }

  async bytes(path: string): Promise<Uint8Array> {
    return this.run(
      this.#with(path, {}, async handle => {
        const { size } = await this.fs.getattr(await this.ino(path), handle)
        const into = new Uint8Array(size + 1)
        const got = await this.fs.read(handle, into, 0)
        return into.slice(0, got)
      }),
    )
  }

  async read(path: string): Promise<string> {
    return new TextDecoder().decode(await this.bytes(path))
  }

  async fsync(path: string): Promise<void> {
    await this.run(this.#with(path, { flags: BOTH }, handle => this.fs.fsync(handle, false)))
  }

  async stat(path: string): Promise<Attr> {
    return this.run(this.ino(path).then(ino => this.fs.getattr(ino)))
  }

  async set(path: string, change: AttrChange): Promise<Attr> {
    return this.run(this.ino(path).then(ino => this.fs.setattr(ino, change)))
  }

  async mkdir(path: string, perm = 0o755): Promise<void> {
    await this.run(this.place(path).then(({ dir, name }) => this.fs.mkdir(dir, name, perm)))
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.run(this.place(path).then(({ dir, name }) => this.fs.symlink(dir, name, target)))
  }

  async readlink(path: string): Promise<string> {
    return this.run(this.ino(path).then(ino => this.fs.readlink(ino)))
  }

  async unlink(path: string): Promise<void> {
    await this.run(this.place(path).then(({ dir, name }) => this.fs.unlink(dir, name)))
  }

  async rmdir(path: string): Promise<void> {
    await this.run(this.place(path).then(({ dir, name }) => this.fs.rmdir(dir, name)))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.run(this.#rename(from, to))
  }

  async names(path: string): Promise<string[]> {
    return this.run(this.#names(path))
  }

  async setxattr(path: string, name: string, value: string | Uint8Array): Promise<void> {
    await this.run(
      this.ino(path).then(ino => this.fs.setxattr(ino, name, bytesOf(value), 'either')),
    )
  }

  async getxattr(path: string, name: string): Promise<string> {
    const value = await this.run(this.ino(path).then(ino => this.fs.getxattr(ino, name)))
    return new TextDecoder().decode(value)
  }

  async #rename(from: string, to: string): Promise<void> {
    const a = await this.place(from)
    const b = await this.place(to)
    await this.fs.rename(a.dir, a.name, b.dir, b.name)
  }

  async #names(path: string): Promise<string[]> {
    const handle = await this.fs.opendir(await this.ino(path))
    const entries = await this.fs.readdir(handle)
    await this.fs.releasedir(handle)
    return entries.map(({ name }) => name).sort()
  }

  async #with<T>(path: string, how: OpenHow, work: (handle: number) => Promise<T>): Promise<T> {
    const handle = await this.open(path, how)
    try {
      return await work(handle)
    } finally {
      await this.close(handle)
    }
  }
}

export interface OpenHow {
  readonly flags?: OpenFlags
  readonly create?: boolean
  readonly exclusive?: boolean
  readonly perm?: number
}

const FS_OPTIONS: FsOptions = {
  defaults: { uid: 1000, gid: 1000, filePerm: 0o644, dirPerm: 0o755 },
  metadataTtl: 60_000,
  attributes: 'all',
  fsync: 'bucket',
  closeWaits: false,
  readAhead: { min: 1 << 18, max: 1 << 20 },
  directoryType: S3_DIRECTORY,
  host: 'here',
}

export function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content
}

/** What an operation rejects with: its errno, or the error itself where it is none of ours. */
export async function errnoOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'ok'
  } catch (error) {
    if (error instanceof FsError) return error.errno
    throw error
  }
}

function namesIn(path: string): string[] {
  return path.split('/').filter(name => name !== '')
}

function orNothing(error: unknown): undefined {
  if (error instanceof FsError && error.errno === 'ENOENT') return undefined
  throw error
}

function journalOptions({ pause, stagingLimit }: CoreOptions) {
  return { ...(pause ? { pause } : {}), ...(stagingLimit === undefined ? {} : { stagingLimit }) }
}
