/** The file system: what the kernel's edge calls, each operation handed to the module that knows it. */
import { FsError, toFsError } from '../core/errors.ts'
import { readAttributes } from '../core/metadata.ts'
import { isFileBySize } from '../core/posix.ts'
import type { HandleId, Ino } from '../core/types.ts'
import type { Attr, FileSystem, FsStat } from './api.ts'
import { isKindEnough, loadAttributes } from './attributes.ts'
import { read, withSource, write } from './content.ts'
import {
  dirOf,
  fractionOf,
  nodeOf,
  type FsContext,
  type FsOptions,
  type FsParts,
} from './context.ts'
import { copyRange } from './copy.ts'
import { eventsOf } from './events.ts'
import { existing } from './find.ts'
import { readThrough } from './habit.ts'
import { newKeeping } from './kept.ts'
import { loadDir } from './listing.ts'
import { knownIn } from './known.ts'
import { makeDir, makeFile, makeSpecial, makeSymlink } from './make.ts'
import { attrOf, isDir, sizeOf, type DirNode, type FileNode, type Node } from './node.ts'
import { close, flush, fsync, handleOf, openFile, type FileHandle } from './open.ts'
import { Recent } from './recent.ts'
import { rmdir, unlink } from './remove.ts'
import { rename } from './rename.ts'
import { restoreNodes } from './restore.ts'
import { setAttributes } from './setattr.ts'
import { asItIs } from './stand-ins.ts'
import { Usage } from './usage.ts'
import { getXattr, listXattr, removeXattr, setXattr } from './xattr.ts'
import { newDir } from './tree.ts'
import { recovered } from '../writeback/recovered.ts'

/** How long listings of a server that says so may miss changes, ms. */
const LISTING_LAG = 30_000

export interface CreatedFileSystem {
  readonly fs: FileSystem
  readonly context: FsContext
}

/** Builds it over its parts and takes up what the journal holds. */
export function createFileSystem(parts: FsParts, options: FsOptions): CreatedFileSystem {
  const inodes = new Map<Ino, Node>()
  let ino = 0
  const lag = () => (parts.store.features.listingCurrent ? 0 : LISTING_LAG)
  const tables = {
    inodes,
    unsettled: new Map(),
    unnamed: new Set<FileNode>(),
    conflicts: [],
    recent: new Recent(parts.clock, lag),
    keeping: newKeeping(),
    nextIno: () => ++ino,
    fraction: fractionOf(`${options.host} ${parts.wall.now()}`),
  }
  const rootless = { ...parts, ...tables, options }
  const context: FsContext = { ...rootless, root: newDir(rootless, '') }
  const records = recovered(parts.journal, parts.log, parts.clock.now())
  parts.writeBack.restore(records, eventsOf(context))
  restoreNodes(context)
  return { fs: guarded(new Operations(context)), context }
}

/** Every rejection as an FsError, by the one table. */
function guarded(fs: FileSystem): FileSystem {
  return new Proxy(fs, {
    get(target, name) {
      const method = Reflect.get(target, name) as unknown
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        try {
          return await (method as (...args: unknown[]) => Promise<unknown>).apply(target, args)
        } catch (error) {
          throw toFsError(error)
        }
      }
    },
  })
}

class Operations implements FileSystem {
  readonly #ctx: FsContext
  readonly #files = new Map<HandleId, FileHandle>()
  readonly #dirs = new Map<HandleId, DirNode>()
  readonly #usage: Usage
  #lastHandle = 0

  constructor(ctx: FsContext) {
    this.#ctx = ctx
    this.#usage = new Usage(ctx)
  }

  async lookup(...[parent, name, enough]: Parameters<FileSystem['lookup']>): Promise<Attr> {
    const ctx = this.#ctx
    const node = await existing(ctx, dirOf(ctx, parent), name)
    const provisional = enough === 'kind' && isKindEnough(ctx, node)
    if (!provisional) await loadAttributes(ctx, node)
    if (!isDir(node)) node.asideWhenFound = node.keptAside
    const attr = attrOf(asItIs(ctx, node))
    return provisional ? { ...attr, provisional } : attr
  }

  async known(...[parent, names]: Parameters<NonNullable<FileSystem['known']>>) {
    return knownIn(this.#ctx, dirOf(this.#ctx, parent), names)
  }

  async getattr(ino: Ino, handle?: HandleId): Promise<Attr> {
    const node = handle === undefined ? nodeOf(this.#ctx, ino) : this.#file(handle).node
    await loadAttributes(this.#ctx, node)
    return attrOf(node)
  }

  async setattr(
    ino: Ino,
    change: Parameters<FileSystem['setattr']>[1],
    handle?: HandleId,
  ): Promise<Attr> {
    const node = handle === undefined ? nodeOf(this.#ctx, ino) : this.#file(handle).node
    await setAttributes(this.#ctx, node, change)
    return attrOf(node)
  }

  async readlink(ino: Ino): Promise<string> {
    const ctx = this.#ctx
    const node = nodeOf(ctx, ino)
    if (isDir(node)) throw new FsError('EINVAL', `${node.name} is no symlink`)
    await loadAttributes(ctx, node)
    if (node.kind !== 'symlink') throw new FsError('EINVAL', `${node.name} is no symlink`)
    return withSource(ctx, node, () => targetOf(ctx, node))
  }

  async mkdir(...[parent, name, perm, caller]: Parameters<FileSystem['mkdir']>): Promise<Attr> {
    return attrOf(await makeDir(this.#ctx, dirOf(this.#ctx, parent), name, perm, caller))
  }

  async symlink(...args: Parameters<FileSystem['symlink']>): Promise<Attr> {
    const [parent, name, target, caller] = args
    return attrOf(await makeSymlink(this.#ctx, dirOf(this.#ctx, parent), name, target, caller))
  }

  async mknod(...args: Parameters<FileSystem['mknod']>): Promise<Attr> {
    const [parent, name, what, perm, caller] = args
    return attrOf(await makeSpecial(this.#ctx, dirOf(this.#ctx, parent), name, what, perm, caller))
  }

  async unlink(parent: Ino, name: string): Promise<void> {
    await unlink(this.#ctx, dirOf(this.#ctx, parent), name)
  }

  async rmdir(parent: Ino, name: string): Promise<void> {
    await rmdir(this.#ctx, dirOf(this.#ctx, parent), name)
  }

  async rename(...args: Parameters<FileSystem['rename']>): Promise<void> {
    const [parent, name, newParent, newName, noReplace] = args
    const ctx = this.#ctx
    const from = { dir: dirOf(ctx, parent), name }
    const to = { dir: dirOf(ctx, newParent), name: newName }
    for (let tries = 1; ; tries++) {
      try {
        return await rename(ctx, from, to, noReplace ?? false)
      } catch (error) {
        // Another operation took or freed the name meanwhile.
        if (!(error instanceof FsError) || error.errno !== 'EAGAIN' || tries >= 10) throw error
      }
    }
  }

  async link(): Promise<Attr> {
    throw new FsError('EPERM', 'object stores have no hard links')
  }

  async create(
    ...[parent, name, perm, flags, caller]: Parameters<FileSystem['create']>
  ): Promise<{ attr: Attr; handle: HandleId }> {
    const ctx = this.#ctx
    const node = await makeFile(ctx, dirOf(ctx, parent), name, perm, caller)
    const handle = handleOf(++this.#lastHandle, node, { ...flags, write: true })
    this.#files.set(handle.id, handle)
    return { attr: attrOf(node), handle: handle.id }
  }

  async open(...[ino, flags]: Parameters<FileSystem['open']>): Promise<HandleId> {
    const node = nodeOf(this.#ctx, ino)
    if (isDir(node)) throw new FsError('EISDIR', `${node.name} is a directory`)
    const writes = { ...flags, write: flags.write || flags.truncate || flags.append }
    const handle = await openFile(this.#ctx, ++this.#lastHandle, node, writes)
    this.#files.set(handle.id, handle)
    return handle.id
  }

  async read(handle: HandleId, into: Uint8Array, offset: number): Promise<number> {
    return read(this.#ctx, this.#file(handle), into, offset)
  }

  async write(handle: HandleId, from: Uint8Array, offset: number): Promise<number> {
    await write(this.#ctx, this.#file(handle), from, offset)
    return from.byteLength
  }

  async copyRange(...[from, to, range]: Parameters<NonNullable<FileSystem['copyRange']>>) {
    return copyRange(this.#ctx, this.#file(from), this.#file(to), range)
  }

  async generation(handle: HandleId): Promise<number> {
    return this.#file(handle).generation
  }

  async flush(handle: HandleId): Promise<void> {
    await flush(this.#ctx, this.#file(handle))
  }

  async fsync(handle: HandleId): Promise<void> {
    await fsync(this.#ctx, this.#file(handle))
  }

  async release(handle: HandleId): Promise<void> {
    const file = this.#files.get(handle)
    if (!file) return
    this.#files.delete(handle)
    close(this.#ctx, file.node, file.flags)
  }

  async opendir(ino: Ino): Promise<HandleId> {
    const dir = dirOf(this.#ctx, ino)
    const handle = ++this.#lastHandle
    this.#dirs.set(handle, dir)
    return handle
  }

  async readdir(handle: HandleId): ReturnType<FileSystem['readdir']> {
    const dir = this.#dir(handle)
    await loadDir(this.#ctx, dir)
    readThrough(dir.habit)
    return [...dir.children.values()].map(node => {
      const isKnown = isDir(node) || node.meta || isFileBySize(sizeOf(node))
      return { name: node.name, ino: node.ino, kind: isKnown ? node.kind : undefined }
    })
  }

  /** All that was changed directly in the directory: names made, renamed and removed. */
  async fsyncdir(handle: HandleId): Promise<void> {
    const dir = this.#dir(handle)
    const ctx = this.#ctx
    if (ctx.options.fsync === 'journal') return ctx.journal.sync()
    const keys: string[] = []
    for (const { key } of ctx.writeBack.all()) {
      if (key.startsWith(dir.key) && !key.slice(dir.key.length, -1).includes('/')) keys.push(key)
    }
    await ctx.writeBack.flush(keys)
  }

  async releasedir(handle: HandleId): Promise<void> {
    this.#dirs.delete(handle)
  }

  getxattr(ino: Ino, name: string): Promise<Uint8Array> {
    return getXattr(this.#ctx, nodeOf(this.#ctx, ino), name)
  }

  setxattr(...[ino, name, value, how]: Parameters<FileSystem['setxattr']>): Promise<void> {
    return setXattr(this.#ctx, nodeOf(this.#ctx, ino), name, value, how)
  }

  listxattr(ino: Ino): Promise<readonly string[]> {
    return listXattr(this.#ctx, nodeOf(this.#ctx, ino))
  }

  removexattr(ino: Ino, name: string): Promise<void> {
    return removeXattr(this.#ctx, nodeOf(this.#ctx, ino), name)
  }

  statfs(): Promise<FsStat> {
    return this.#usage.stat()
  }

  #file(id: HandleId): FileHandle {
    const handle = this.#files.get(id)
    if (!handle) throw new FsError('EBADF', `no open file ${id}`)
    return handle
  }

  #dir(id: HandleId): DirNode {
    const dir = this.#dirs.get(id)
    if (!dir) throw new FsError('EBADF', `no open directory ${id}`)
    return dir
  }
}

async function targetOf(ctx: FsContext, node: FileNode): Promise<string> {
  const { content } = node
  if (node.meta) {
    const { key, modified, meta } = node
    const kept = readAttributes({ key, size: sizeOf(node), modified, meta }, ctx.options.defaults)
    if (kept.symlinkTarget !== undefined) return kept.symlinkTarget
  }
  const into = new Uint8Array(Math.min(sizeOf(node), 4096))
  if (content.is === 'inline') into.set(content.bytes.subarray(0, into.byteLength))
  else if (content.is === 'stored') await ctx.reader.read(content.version, 0, into, undefined)
  else await content.staged.stage.read(into, 0)
  // Some writers end the target with a newline or a NUL.
  return new TextDecoder().decode(into).replace(/[\0\n]+$/, '')
}
