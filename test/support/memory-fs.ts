/**
 * A whole `FileSystem` over plain Maps: what the kernel links and the daemon are tested with, so that a
 * failure there is theirs. Single-threaded, nothing durable, no limits.
 */
import { FsError } from '../../src/core/errors.ts'
import type { HandleId, Ino } from '../../src/core/types.ts'
import type {
  Attr,
  AttrChange,
  Caller,
  DirEntry,
  FileKind,
  FileSystem,
  FsStat,
  Known,
  OpenFlags,
  SpecialFile,
} from '../../src/fs/api.ts'
import { attrOf, now, resize, type Node } from './memory-node.ts'

interface Open {
  readonly node: Node
  readonly flags: OpenFlags
}

type AddArguments = [
  parent: Ino,
  name: string,
  kind: FileKind,
  perm: number,
  owner?: Caller,
  target?: string,
]

export class MemoryFs implements FileSystem {
  /** Every call that changed or opened something: operation and name. */
  readonly calls: string[] = []
  /** Look-ups since the last `fill`. */
  lookups = 0
  readonly #nodes = new Map<Ino, Node>()
  readonly #open = new Map<HandleId, Open>()
  readonly #owner: { uid: number; gid: number }
  #nextIno = 1
  #nextHandle = 1

  constructor(
    owner: { uid: number; gid: number } = { uid: process.getuid!(), gid: process.getgid!() },
  ) {
    this.#owner = owner
    this.#make('directory', 0o755).nlink = 2
  }

  get openHandles(): number {
    return this.#open.size
  }

  async lookup(parent: Ino, name: string): Promise<Attr> {
    this.lookups += 1
    return attrOf(this.#child(parent, name))
  }

  /** Somebody else makes files `f0`, `f1`, … in a new directory, each with its own name in it. */
  fill(directory: string, count: number): void {
    const { ino } = this.#add(1, directory, 'directory', 0o755)
    for (let n = 0; n < count; n++) {
      this.#add(ino, `f${n}`, 'file', 0o644)
      this.replace(directory, `f${n}`, `f${n}`)
    }
    this.lookups = 0
  }

  /** Somebody else replaces a file. */
  replace(directory: string, name: string, content: string): void {
    const node = this.#child(this.#child(1, directory).ino, name)
    resize(node, Buffer.byteLength(content))
    node.data.write(content)
    node.generation += 1
  }

  async known(parent: Ino, names: readonly string[]): Promise<readonly (Known | undefined)[]> {
    const { children } = this.#directory(parent)
    return names.map(name => {
      const node = children.get(name)
      return node && { attr: attrOf(node), generation: node.generation, fresh: Infinity }
    })
  }

  async getattr(ino: Ino): Promise<Attr> {
    return attrOf(this.#node(ino))
  }

  async setattr(ino: Ino, change: AttrChange): Promise<Attr> {
    const node = this.#node(ino)
    this.calls.push(`setattr ${Object.keys(change).join(',')}`)
    if (change.perm !== undefined) node.perm = change.perm
    if (change.uid !== undefined) node.uid = change.uid
    if (change.gid !== undefined) node.gid = change.gid
    if (change.size !== undefined) resize(node, change.size)
    if (change.mtime !== undefined) node.mtime = change.mtime === 'now' ? now() : change.mtime
    if (change.atime !== undefined) node.atime = change.atime === 'now' ? now() : change.atime
    node.ctime = now()
    return attrOf(node)
  }

  async readlink(ino: Ino): Promise<string> {
    const node = this.#node(ino)
    if (node.kind !== 'symlink') throw new FsError('EINVAL', 'no symlink')
    return node.target
  }

  async mkdir(parent: Ino, name: string, perm: number, caller?: Caller): Promise<Attr> {
    const node = this.#add(parent, name, 'directory', perm, caller)
    node.nlink = 2
    this.#node(parent).nlink += 1
    return attrOf(node)
  }

  async symlink(parent: Ino, name: string, target: string, caller?: Caller): Promise<Attr> {
    return attrOf(this.#add(parent, name, 'symlink', 0o777, caller, target))
  }

  async mknod(
    ...[parent, name, what, perm, caller]: [Ino, string, SpecialFile, number, Caller?]
  ): Promise<Attr> {
    const node = this.#add(parent, name, what.kind, perm, caller)
    node.rdev = what.rdev
    this.calls.push(`mknod ${name}`)
    return attrOf(node)
  }

  async unlink(parent: Ino, name: string): Promise<void> {
    const node = this.#child(parent, name)
    if (node.kind === 'directory') throw new FsError('EISDIR', name)
    this.#remove(parent, name, node)
    this.calls.push(`unlink ${name}`)
  }

  async rmdir(parent: Ino, name: string): Promise<void> {
    const node = this.#child(parent, name)
    if (node.kind !== 'directory') throw new FsError('ENOTDIR', name)
    if (node.children.size > 0) throw new FsError('ENOTEMPTY', name)
    this.#remove(parent, name, node)
    this.#node(parent).nlink -= 1
  }

  async rename(
    parent: Ino,
    name: string,
    newParent: Ino,
    newName: string,
    noReplace?: boolean,
  ): Promise<void> {
    const node = this.#child(parent, name)
    const from = this.#directory(parent)
    const to = this.#directory(newParent)
    const target = to.children.get(newName)
    if (target === node) return
    if (target) {
      if (noReplace) throw new FsError('EEXIST', newName)
      if (node.kind === 'directory' && target.kind !== 'directory')
        throw new FsError('ENOTDIR', newName)
      if (node.kind !== 'directory' && target.kind === 'directory')
        throw new FsError('EISDIR', newName)
      if (target.children.size > 0) throw new FsError('ENOTEMPTY', newName)
      this.#remove(newParent, newName, target)
      if (target.kind === 'directory') to.nlink -= 1
    }
    from.children.delete(name)
    to.children.set(newName, node)
    if (node.kind === 'directory') {
      from.nlink -= 1
      to.nlink += 1
    }
    from.mtime = from.ctime = to.mtime = to.ctime = node.ctime = now()
    this.calls.push(`rename ${name} ${newName}`)
  }

  async link(): Promise<Attr> {
    throw new FsError('EPERM', 'no hard links')
  }

  async create(
    parent: Ino,
    name: string,
    perm: number,
    flags: OpenFlags,
    caller?: Caller,
  ): Promise<{ attr: Attr; handle: HandleId }> {
    const node = this.#add(parent, name, 'file', perm, caller)
    this.calls.push(`create ${name}`)
    return { attr: attrOf(node), handle: this.#opened({ node, flags }) }
  }

  async open(ino: Ino, flags: OpenFlags): Promise<HandleId> {
    const node = this.#node(ino)
    this.calls.push(`open${flags.truncate ? ' truncate' : ''}${flags.append ? ' append' : ''}`)
    if (flags.truncate) resize(node, 0)
    return this.#opened({ node, flags })
  }

  async read(handle: HandleId, into: Uint8Array, offset: number): Promise<number> {
    const { node } = this.#handle(handle)
    const count = Math.max(0, Math.min(into.length, node.size - offset))
    into.set(node.data.subarray(offset, offset + count))
    return count
  }

  async write(handle: HandleId, from: Uint8Array, offset: number): Promise<number> {
    const { node, flags } = this.#handle(handle)
    const at = flags.append ? node.size : offset
    if (at + from.length > node.size) resize(node, at + from.length)
    node.data.set(from, at)
    node.mtime = node.ctime = now()
    return from.length
  }

  async generation(handle: HandleId): Promise<number> {
    return this.#handle(handle).node.generation
  }

  async flush(handle: HandleId): Promise<void> {
    this.#handle(handle)
    this.calls.push('flush')
  }

  async fsync(handle: HandleId, dataOnly: boolean): Promise<void> {
    this.#handle(handle)
    this.calls.push(dataOnly ? 'fdatasync' : 'fsync')
  }

  async release(handle: HandleId): Promise<void> {
    const { node } = this.#handle(handle)
    this.#open.delete(handle)
    this.#drop(node)
    this.calls.push('release')
  }

  async opendir(ino: Ino): Promise<HandleId> {
    const flags = { read: true, write: false, append: false, truncate: false }
    return this.#opened({ node: this.#directory(ino), flags })
  }

  async readdir(handle: HandleId): Promise<readonly DirEntry[]> {
    const { node } = this.#handle(handle)
    return [...node.children].map(([name, child]) => ({ name, ino: child.ino, kind: child.kind }))
  }

  async fsyncdir(handle: HandleId): Promise<void> {
    this.#handle(handle)
    this.calls.push('fsyncdir')
  }

  async releasedir(handle: HandleId): Promise<void> {
    this.#open.delete(handle)
  }

  async getxattr(ino: Ino, name: string): Promise<Uint8Array> {
    const value = this.#node(ino).xattr.get(name)
    this.calls.push(`getxattr ${name}`)
    if (!value) throw new FsError('ENODATA', name)
    return value
  }

  async setxattr(
    ino: Ino,
    name: string,
    value: Uint8Array,
    how: 'either' | 'create' | 'replace',
  ): Promise<void> {
    const { xattr } = this.#node(ino)
    if (how === 'create' && xattr.has(name)) throw new FsError('EEXIST', name)
    if (how === 'replace' && !xattr.has(name)) throw new FsError('ENODATA', name)
    xattr.set(name, value)
  }

  async listxattr(ino: Ino): Promise<readonly string[]> {
    return [...this.#node(ino).xattr.keys()]
  }

  async removexattr(ino: Ino, name: string): Promise<void> {
    if (!this.#node(ino).xattr.delete(name)) throw new FsError('ENODATA', name)
  }

  async statfs(): Promise<FsStat> {
    return { total: 2 ** 50, free: 2 ** 49, files: this.#nodes.size, nameMax: 255 }
  }

  #make(kind: FileKind, perm: number, owner = this.#owner, target = ''): Node {
    const time = now()
    const ino = this.#nextIno
    this.#nextIno += 1
    const node: Node = {
      ino,
      kind,
      rdev: 0,
      perm,
      uid: owner.uid,
      gid: owner.gid,
      nlink: 1,
      mtime: time,
      ctime: time,
      atime: time,
      data: Buffer.alloc(0),
      size: Buffer.byteLength(target),
      generation: 0,
      target,
      children: new Map(),
      xattr: new Map(),
    }
    this.#nodes.set(ino, node)
    return node
  }

  #add(...[parent, name, kind, perm, owner, target]: AddArguments): Node {
    const directory = this.#directory(parent)
    if (directory.children.has(name)) throw new FsError('EEXIST', name)
    if (directory.nlink === 0) throw new FsError('ENOENT', name)
    const node = this.#make(kind, perm, owner, target)
    directory.children.set(name, node)
    directory.mtime = directory.ctime = now()
    return node
  }

  #remove(parent: Ino, name: string, node: Node): void {
    const directory = this.#node(parent)
    directory.children.delete(name)
    directory.mtime = directory.ctime = node.ctime = now()
    node.nlink = 0
    this.#drop(node)
  }

  /** A node without a name lives as long as somebody has it open. */
  #drop(node: Node): void {
    if (node.nlink > 0) return
    for (const open of this.#open.values()) if (open.node === node) return
    this.#nodes.delete(node.ino)
  }

  #opened(open: Open): HandleId {
    const handle = this.#nextHandle
    this.#nextHandle += 1
    this.#open.set(handle, open)
    return handle
  }

  #node(ino: Ino): Node {
    const node = this.#nodes.get(ino)
    if (!node) throw new FsError('ESTALE', `inode ${ino}`)
    return node
  }

  #directory(ino: Ino): Node {
    const node = this.#node(ino)
    if (node.kind !== 'directory') throw new FsError('ENOTDIR', `inode ${ino}`)
    return node
  }

  #child(parent: Ino, name: string): Node {
    const node = this.#directory(parent).children.get(name)
    if (!node) throw new FsError('ENOENT', name)
    return node
  }

  #handle(handle: HandleId): Open {
    const open = this.#open.get(handle)
    if (!open) throw new FsError('EBADF', `handle ${handle}`)
    return open
  }
}
