/**
 * From fuse-native's paths to inode numbers.
 *
 * A small map remembers which inode a path led to, so that the usual request costs one look-up. It says no
 * more than the kernel itself remembers: the kernel walks every component again when its own entries run
 * out, and each such walk passes `lookup` here. Every change of a name made through this mount takes the
 * names concerned out; a look-up that was under way meanwhile leaves no trace (`#generation`).
 *
 * Orphans: libfuse 2 turns the removal of an open file into a rename to `.fuse_hidden…`. Such a name exists
 * only here, as a path to the inode whose real name is gone; the file system and the bucket never see it.
 */
import { FsError } from '../../core/errors.ts'
import type { Ino } from '../../core/types.ts'
import type { Attr, FileSystem } from '../../fs/api.ts'
import { nameFits } from '../names.ts'

export const ROOT: Ino = 1
/** Bound on remembered paths of each kind; when it is reached, all are forgotten. */
const MAX_PATHS = 50_000
/** What libfuse 2 calls a removed file that is still open: `%08x%08x`. */
const HIDDEN = /\/\.fuse_hidden[0-9a-f]{16}$/

/** A name in a directory: what the operations that change names are given. */
export interface Place {
  readonly parent: Ino
  readonly name: string
}

export class Paths {
  readonly #fs: FileSystem
  /** Keys have no slash at the end; the root is ''. */
  readonly #directories = new Map<string, Ino>([['', ROOT]])
  readonly #others = new Map<string, Ino>()
  readonly #orphans = new Map<string, Ino>()
  #generation = 0

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  /** What a name leads to now, asked of the file system. */
  async lookup(path: string): Promise<Attr> {
    if (path === '/') return this.#fs.getattr(ROOT)
    const orphan = this.#orphans.get(path)
    if (orphan !== undefined) return this.#fs.getattr(orphan)
    const generation = this.#generation
    const slash = path.lastIndexOf('/')
    const name = checkName(path.slice(slash + 1))
    const folder = path.slice(0, slash)
    try {
      const parent = this.#directories.get(folder) ?? (await this.#walk(folder))
      const attr = await this.#inParent(parent, folder, name)
      if (generation === this.#generation) this.#remember(path, attr)
      return attr
    } catch (error) {
      if (isErrno(error, 'ENOENT')) this.#forget(path)
      throw error
    }
  }

  /** The inode of a path, from memory where it can. */
  async resolve(path: string): Promise<Ino> {
    if (path === '/') return ROOT
    const known = this.#orphans.get(path) ?? this.#others.get(path) ?? this.#directories.get(path)
    return known ?? (await this.lookup(path)).ino
  }

  /** Runs `action` on the inode of a path; where a remembered inode is gone, once more on a fresh one. */
  async on<T>(path: string, action: (ino: Ino) => Promise<T>): Promise<T> {
    const ino = await this.resolve(path)
    try {
      return await action(ino)
    } catch (error) {
      if (!isErrno(error, 'ESTALE') || this.#orphans.has(path) || path === '/') throw error
      this.#forget(path)
      const fresh = (await this.lookup(path)).ino
      if (fresh === ino) throw error
      return action(fresh)
    }
  }

  /** Directory and name of a path. */
  async place(path: string): Promise<Place> {
    const slash = path.lastIndexOf('/')
    const name = checkName(path.slice(slash + 1))
    return { parent: await this.#walk(path.slice(0, slash)), name }
  }

  /** As `place`, for a name that shall come into being. */
  async newPlace(path: string): Promise<Place> {
    // Bytes that are no UTF-8 reach us as U+FFFD: two such names could not be told apart.
    if (path.slice(path.lastIndexOf('/') + 1).includes('\uFFFD')) {
      throw new FsError('EILSEQ', 'the name is not valid UTF-8')
    }
    return this.place(path)
  }

  /** A name came into being here. */
  added(path: string, attr: Attr): void {
    this.#generation += 1
    this.#remember(path, attr)
  }

  /** A name went away here. */
  removed(path: string): void {
    this.#generation += 1
    this.#forget(path)
  }

  /** A name moved over another, which is gone. */
  moved(from: string, to: string): void {
    this.#generation += 1
    const directory = this.#directories.get(from)
    const other = this.#others.get(from)
    this.#forget(from)
    this.#forget(to)
    if (!this.#directories.has(to.slice(0, to.lastIndexOf('/')))) return
    if (directory !== undefined) this.#directories.set(to, directory)
    if (other !== undefined) this.#others.set(to, other)
  }

  /** Whether libfuse asks to hide an open file by this name. */
  hides(path: string): boolean {
    return HIDDEN.test(path)
  }

  /** `path` leads to the inode from now on although no directory has the name. */
  addOrphan(path: string, ino: Ino): void {
    this.#orphans.set(path, ino)
  }

  /** False if it was none. */
  removeOrphan(path: string): boolean {
    return this.#orphans.delete(path)
  }

  isOrphan(path: string): boolean {
    return this.#orphans.has(path)
  }

  async #walk(folder: string): Promise<Ino> {
    const known = this.#directories.get(folder)
    if (known !== undefined) return known
    const attr = await this.lookup(folder)
    if (attr.kind !== 'directory')
      throw new FsError('ENOTDIR', 'a component of the path is not a directory')
    return attr.ino
  }

  /** A directory's inode that the file system no longer knows is walked to again, once. */
  async #inParent(parent: Ino, folder: string, name: string): Promise<Attr> {
    try {
      return await this.#fs.lookup(parent, name)
    } catch (error) {
      if (folder === '' || !isErrno(error, 'ESTALE')) throw error
      this.#forget(folder)
      const fresh = await this.#walk(folder)
      if (fresh === parent) throw error
      return this.#fs.lookup(fresh, name)
    }
  }

  /** Only below a remembered directory, so that forgetting that one finds all that hangs on it. */
  #remember(path: string, attr: Attr): void {
    if (!this.#directories.has(path.slice(0, path.lastIndexOf('/')))) return
    const directory = attr.kind === 'directory'
    const map = directory ? this.#directories : this.#others
    const before = map.get(path)
    if (before === attr.ino) return
    // Another inode under this name: nothing below it holds any more.
    if (before !== undefined || (directory ? this.#others : this.#directories).has(path))
      this.#forget(path)
    if (map.size >= MAX_PATHS) this.#clear()
    else map.set(path, attr.ino)
  }

  #clear(): void {
    this.#generation += 1
    this.#others.clear()
    this.#directories.clear()
    this.#directories.set('', ROOT)
  }

  #forget(path: string): void {
    if (this.#others.delete(path)) return
    if (!this.#directories.delete(path)) return
    const below = `${path}/`
    for (const map of [this.#directories, this.#others]) {
      for (const key of map.keys()) if (key.startsWith(below)) map.delete(key)
    }
  }
}

function checkName(name: string): string {
  if (!nameFits(name)) throw new FsError('ENAMETOOLONG', 'a name has more than 255 bytes')
  return name
}

function isErrno(error: unknown, errno: string): boolean {
  return error instanceof FsError && error.errno === errno
}
