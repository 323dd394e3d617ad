/**
 * The operations that fuse-native's paths and descriptors stand for, as calls of `FileSystem`. Nothing of
 * the native calling convention is here (that is `handlers.ts`), nothing of replies (`guard.ts`).
 *
 * A descriptor given to the kernel is the file system's own handle. Data is taken over by flush and fsync;
 * a release may never come (the kernel drops waiting ones at an unmount) and changes nothing but memory.
 *
 * Known weakness of libfuse 2: renaming over an open file comes as a removal of the target and then the
 * rename. A kill between the two leaves the new content under its old name and the target's name free.
 */
import { FsError } from '../../core/errors.ts'
import { nodeOfMknod } from '../../core/posix.ts'
import type { HandleId, Ino, Nanoseconds } from '../../core/types.ts'
import type { Attr, AttrChange, DirEntry, FileSystem } from '../../fs/api.ts'
import { isForeign } from '../names.ts'
import { openFlags } from '../open-flags.ts'
import type { Paths } from './paths.ts'

const PERM = 0o7777
/** How chown(2) says "leave as it is". */
const UNCHANGED_ID = 4294967295
/** fuse-native passes descriptors as signed 32 bits. */
const LARGEST_HANDLE = 2147483647

const XATTR_CREATE = 1
const XATTR_REPLACE = 2

export class Operations {
  readonly #fs: FileSystem
  readonly #paths: Paths
  readonly #inodes = new Map<HandleId, Ino>()

  constructor(fs: FileSystem, paths: Paths) {
    this.#fs = fs
    this.#paths = paths
  }

  getattr(path: string): Promise<Attr> {
    return this.#paths.lookup(path)
  }

  fgetattr(path: string, handle: HandleId): Promise<Attr> {
    const ino = this.#inodes.get(handle)
    return ino === undefined ? this.#paths.lookup(path) : this.#fs.getattr(ino, handle)
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.#change(path, { perm: mode & PERM })
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.#change(path, {
      ...(uid === UNCHANGED_ID ? {} : { uid }),
      ...(gid === UNCHANGED_ID ? {} : { gid }),
    })
  }

  async utimens(path: string, atime: Nanoseconds, mtime: Nanoseconds): Promise<void> {
    await this.#change(path, { atime, mtime })
  }

  async truncate(path: string, size: number): Promise<void> {
    await this.#change(path, { size })
  }

  async ftruncate(path: string, handle: HandleId, size: number): Promise<void> {
    const ino = this.#inodes.get(handle)
    if (ino === undefined) await this.truncate(path, size)
    else await this.#fs.setattr(ino, { size }, handle)
  }

  readlink(path: string): Promise<string> {
    return this.#paths.on(path, ino => this.#fs.readlink(ino))
  }

  async mkdir(path: string, mode: number): Promise<void> {
    const { parent, name } = await this.#paths.newPlace(path)
    this.#paths.added(path, await this.#fs.mkdir(parent, name, mode & PERM))
  }

  async symlink(target: string, path: string): Promise<void> {
    const { parent, name } = await this.#paths.newPlace(path)
    this.#paths.added(path, await this.#fs.symlink(parent, name, target))
  }

  async link(from: string, to: string): Promise<void> {
    const { parent, name } = await this.#paths.newPlace(to)
    const ino = await this.#paths.resolve(from)
    this.#paths.added(to, await this.#fs.link(ino, parent, name))
  }

  async mknod(path: string, mode: number, rdev: number): Promise<void> {
    const what = nodeOfMknod(mode, rdev)
    if (what === undefined) throw new FsError('EPERM', 'mknod makes no such thing')
    if (what !== 'file') {
      const { parent, name } = await this.#paths.newPlace(path)
      this.#paths.added(path, await this.#fs.mknod(parent, name, what, mode & PERM))
      return
    }
    const handle = await this.create(path, mode)
    await this.#fs.flush(handle)
    await this.release(handle)
  }

  async unlink(path: string): Promise<void> {
    if (this.#paths.removeOrphan(path)) return
    const { parent, name } = await this.#paths.place(path)
    await this.#fs.unlink(parent, name)
    this.#paths.removed(path)
  }

  async rmdir(path: string): Promise<void> {
    const { parent, name } = await this.#paths.place(path)
    await this.#fs.rmdir(parent, name)
    this.#paths.removed(path)
  }

  async rename(from: string, to: string): Promise<void> {
    if (this.#paths.hides(to)) {
      await this.#orphan(from, to)
      return
    }
    if (this.#paths.isOrphan(from)) throw new FsError('ENOENT', 'the file was removed')
    const target = await this.#paths.newPlace(to)
    const source = await this.#paths.place(from)
    await this.#fs.rename(source.parent, source.name, target.parent, target.name)
    this.#paths.moved(from, to)
  }

  async create(path: string, mode: number): Promise<HandleId> {
    const { parent, name } = await this.#paths.newPlace(path)
    // fuse-native leaves out the flags of a creating open: the kernel checks each write and read itself,
    // and gives appending writes their place.
    const flags = { read: true, write: true, append: false, truncate: false }
    const { attr, handle } = await this.#fs.create(parent, name, mode & PERM, flags)
    this.#paths.added(path, attr)
    return this.#keep(handle, attr.ino)
  }

  open(path: string, flags: number): Promise<HandleId> {
    return this.#paths.on(path, async ino => {
      const handle = await this.#fs.open(ino, openFlags(flags))
      return this.#keep(handle, ino)
    })
  }

  read(handle: HandleId, into: Uint8Array, offset: number): Promise<number> {
    return this.#fs.read(handle, into, offset)
  }

  write(handle: HandleId, from: Uint8Array, offset: number): Promise<number> {
    return this.#fs.write(handle, from, offset)
  }

  flush(handle: HandleId): Promise<void> {
    return this.#fs.flush(handle)
  }

  fsync(handle: HandleId, dataOnly: boolean): Promise<void> {
    return this.#fs.fsync(handle, dataOnly)
  }

  async release(handle: HandleId): Promise<void> {
    this.#inodes.delete(handle)
    await this.#fs.release(handle)
  }

  /** fuse-native gives readdir no handle, so each listing has one of its own. `above`: the parent. */
  async readdir(path: string): Promise<{ self: Ino; above: Ino; entries: readonly DirEntry[] }> {
    const entries = await this.#inDirectory(path, handle => this.#fs.readdir(handle))
    const self = await this.#paths.resolve(path)
    const above =
      path === '/' ? self : await this.#paths.resolve(path.slice(0, path.lastIndexOf('/')) || '/')
    return { self, above, entries }
  }

  fsyncdir(path: string): Promise<void> {
    return this.#inDirectory(path, handle => this.#fs.fsyncdir(handle))
  }

  getxattr(path: string, name: string): Promise<Uint8Array> {
    return this.#paths.on(path, ino => this.#fs.getxattr(ino, name))
  }

  async setxattr(path: string, name: string, value: Uint8Array, flags: number): Promise<void> {
    if (isForeign(name)) throw new FsError('EOPNOTSUPP', 'this kind of attribute is not kept')
    const how = flags & XATTR_CREATE ? 'create' : flags & XATTR_REPLACE ? 'replace' : 'either'
    await this.#paths.on(path, ino => this.#fs.setxattr(ino, name, value, how))
  }

  listxattr(path: string): Promise<readonly string[]> {
    return this.#paths.on(path, ino => this.#fs.listxattr(ino))
  }

  async removexattr(path: string, name: string): Promise<void> {
    if (isForeign(name)) throw new FsError('ENODATA', 'no such attribute')
    await this.#paths.on(path, ino => this.#fs.removexattr(ino, name))
  }

  statfs(): ReturnType<FileSystem['statfs']> {
    return this.#fs.statfs()
  }

  async #change(path: string, change: AttrChange): Promise<void> {
    await this.#paths.on(path, ino => this.#fs.setattr(ino, change))
  }

  async #orphan(from: string, to: string): Promise<void> {
    const { parent, name } = await this.#paths.place(from)
    const ino = await this.#paths.resolve(from)
    await this.#fs.unlink(parent, name)
    this.#paths.removed(from)
    this.#paths.addOrphan(to, ino)
  }

  async #inDirectory<T>(path: string, action: (handle: HandleId) => Promise<T>): Promise<T> {
    const handle = await this.#paths.on(path, ino => this.#fs.opendir(ino))
    try {
      return await action(handle)
    } finally {
      await this.#fs.releasedir(handle)
    }
  }

  async #keep(handle: HandleId, ino: Ino): Promise<HandleId> {
    if (handle > LARGEST_HANDLE || handle < 1) {
      await this.#fs.release(handle)
      throw new FsError('EMFILE', 'no more handles')
    }
    this.#inodes.set(handle, ino)
    return handle
  }
}
