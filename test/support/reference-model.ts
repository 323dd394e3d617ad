/**
 * What POSIX says that files do: a tree in memory, without a thought of objects. Where a time is the clock's, the
 * model knows the span in which it must lie, and takes over what it sees first.
 */
/* oxlint-disable typescript/switch-exhaustiveness-check -- each switch hands on what is not its own */
import { filling, type Op, type Outcome, type OpenMode, type Stat } from './file-ops.ts'

/** A time: known, or between two. */
export interface Span {
  readonly from: bigint
  readonly to: bigint
}

interface Common {
  perm: number
  uid: number
  gid: number
  mtime: Span
  readonly xattrs: Map<string, string>
}
export interface FileEntry extends Common {
  readonly kind: 'file' | 'symlink'
  bytes: Uint8Array
  /** It was so large once that it may be sent while it is written. */
  streamed?: boolean
}
export interface DirEntry extends Common {
  readonly kind: 'directory'
  readonly children: Map<string, Entry>
  /** It must have an object of its own in the bucket. */
  marked: boolean
}
export type Entry = FileEntry | DirEntry

/** Such a file is sent while it is written: three parts of `Core`'s. */
const STREAMED = 768

interface Slot {
  readonly file: FileEntry
  readonly mode: OpenMode
}

class Refusal extends Error {
  readonly errno: string
  constructor(errno: string) {
    super(errno)
    this.errno = errno
  }
}

/** When the operation ran, and what the other side answered. */
export interface Seen {
  readonly span: Span
  readonly actual: Outcome
}

export class ReferenceModel {
  readonly root: DirEntry
  readonly slots = new Map<number, Slot>()
  #span: Span = { from: 0n, to: 0n }
  #actual: Outcome = { value: undefined }

  constructor() {
    this.root = this.#dir(0o755)
  }

  apply(op: Op, seen: Seen): Outcome {
    this.#span = seen.span
    this.#actual = seen.actual
    try {
      return { value: this.#run(op) }
    } catch (error) {
      if (error instanceof Refusal) return { errno: error.errno }
      throw error
    }
  }

  /** Every path with its entry, the root left out; parents first. */
  *all(dir: DirEntry = this.root, path = ''): Iterable<readonly [string, Entry]> {
    for (const [name, entry] of dir.children) {
      yield [path + name, entry]
      if (entry.kind === 'directory') yield* this.all(entry, `${path}${name}/`)
    }
  }

  /** All programs end. */
  closeAll(): void {
    this.slots.clear()
  }

  /** A copy that shares nothing; open files stay open in it. */
  copy(): ReferenceModel {
    const model = new ReferenceModel()
    const known = new Map<Entry, Entry>()
    const copyOf = (entry: Entry): Entry => {
      const before = known.get(entry)
      if (before) return before
      const xattrs = new Map(entry.xattrs)
      const copied: Entry =
        entry.kind === 'directory'
          ? {
              ...entry,
              xattrs,
              children: new Map([...entry.children].map(([n, e]) => [n, copyOf(e)])),
            }
          : { ...entry, xattrs, bytes: entry.bytes.slice() }
      known.set(entry, copied)
      return copied
    }
    for (const [name, entry] of this.root.children) model.root.children.set(name, copyOf(entry))
    for (const [slot, { file, mode }] of this.slots)
      model.slots.set(slot, { file: copyOf(file) as FileEntry, mode })
    return model
  }

  /** The entry at a path; undefined where there is none. */
  find(path: string): Entry | undefined {
    try {
      return this.#at(path)
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  }

  #run(op: Op): unknown {
    switch (op.op) {
      case 'open':
        return this.#open(op)
      case 'write':
        return this.#write(op)
      case 'read':
        return this.#read(op)
      case 'ftruncate':
        return this.#truncate(this.#slot(op.slot, 'w').file, op.size)
      case 'fstat':
        return this.#stat(this.#slot(op.slot).file)
      case 'fsync':
        return void this.#slot(op.slot)
      case 'close':
        this.#slot(op.slot)
        return void this.slots.delete(op.slot)
      case 'truncate':
        return this.#truncate(this.#fileAt(op.path), op.size)
      case 'wait':
        return undefined
      default:
        return this.#onPath(op)
    }
  }

  #onPath(op: Op & { path: string }): unknown {
    switch (op.op) {
      case 'mkdir':
        return this.#make(op.path, () => this.#dir(op.perm))
      case 'symlink':
        return this.#make(op.path, () => ({
          ...this.#file(0o777),
          kind: 'symlink',
          bytes: new TextEncoder().encode(op.target),
        }))
      case 'unlink':
        return this.#unlink(op.path)
      case 'rmdir':
        return this.#rmdir(op.path)
      case 'rename':
        return this.#rename(op.path, op.to)
      case 'readlink': {
        const entry = this.#at(op.path)
        if (entry.kind !== 'symlink') throw new Refusal('EINVAL')
        return new TextDecoder().decode(entry.bytes)
      }
      case 'stat':
        return this.#stat(this.#at(op.path))
      case 'readdir': {
        const entry = this.#at(op.path)
        if (entry.kind !== 'directory') throw new Refusal('ENOTDIR')
        return [...entry.children.keys()].sort()
      }
      default:
        return this.#attribute(op)
    }
  }

  #attribute(op: Op & { path: string }): unknown {
    const entry = this.#at(op.path)
    if (entry.kind === 'symlink') throw new Refusal('EPERM')
    switch (op.op) {
      case 'chmod':
        return void (entry.perm = op.perm)
      case 'chown':
        return void Object.assign(entry, { uid: op.uid, gid: op.gid })
      case 'utimens':
        return void (entry.mtime = { from: op.mtime, to: op.mtime })
      case 'setxattr':
        return void entry.xattrs.set(op.name, op.value)
      case 'getxattr': {
        const value = entry.xattrs.get(op.name)
        if (value === undefined) throw new Refusal('ENODATA')
        return value
      }
      case 'removexattr':
        if (!entry.xattrs.delete(op.name)) throw new Refusal('ENODATA')
        return undefined
      case 'listxattr':
        return [...entry.xattrs.keys()].sort()
      default:
        throw new Error(op.op)
    }
  }

  #open({ slot, path, mode, perm }: Op & { op: 'open' }): void {
    this.slots.delete(slot)
    const { dir, name } = this.#place(path)
    let entry = dir.children.get(name)
    if (entry && mode.create && mode.exclusive) throw new Refusal('EEXIST')
    if (entry?.kind === 'directory') throw new Refusal('EISDIR')
    if (entry?.kind === 'symlink') throw new Refusal('ELOOP')
    if (!entry) {
      if (!mode.create) throw new Refusal('ENOENT')
      entry = this.#file(perm)
      dir.children.set(name, entry)
      dir.mtime = this.#span
    } else if (mode.truncate) this.#truncate(entry, 0)
    this.slots.set(slot, { file: entry, mode })
  }

  #write(op: Op & { op: 'write' }): number {
    const { file, mode } = this.#slot(op.slot, 'w')
    const from = filling(op)
    const offset = mode.append ? file.bytes.length : op.offset
    const bytes = new Uint8Array(Math.max(file.bytes.length, offset + from.length))
    bytes.set(file.bytes)
    bytes.set(from, offset)
    file.bytes = bytes
    this.#written(file)
    return from.length
  }

  #read({ slot, offset, size }: Op & { op: 'read' }): string {
    const { file } = this.#slot(slot, 'r')
    return Buffer.from(file.bytes.subarray(offset, offset + size)).toString('hex')
  }

  #truncate(file: FileEntry, size: number): void {
    const bytes = new Uint8Array(size)
    bytes.set(file.bytes.subarray(0, size))
    file.bytes = bytes
    this.#written(file)
  }

  /** The time of a streamed one may be any of its writing since a program was told one. */
  #written(file: FileEntry): void {
    if (file.bytes.length >= STREAMED) file.streamed = true
    const { from, to } = file.mtime
    const since = file.streamed === true && from !== to ? from : this.#span.from
    file.mtime = { from: since, to: this.#span.to }
  }

  #make(path: string, entry: () => Entry): void {
    const { dir, name } = this.#place(path)
    if (dir.children.has(name)) throw new Refusal('EEXIST')
    dir.children.set(name, entry())
    dir.mtime = this.#span
  }

  #unlink(path: string): void {
    const { dir, name } = this.#place(path)
    const entry = dir.children.get(name)
    if (!entry) throw new Refusal('ENOENT')
    if (entry.kind === 'directory') throw new Refusal('EISDIR')
    this.#remove(dir, name)
  }

  #rmdir(path: string): void {
    const { dir, name } = this.#place(path)
    const entry = dir.children.get(name)
    if (!entry) throw new Refusal('ENOENT')
    if (entry.kind !== 'directory') throw new Refusal('ENOTDIR')
    if (entry.children.size > 0) throw new Refusal('ENOTEMPTY')
    this.#remove(dir, name)
  }

  #rename(path: string, to: string): void {
    const from = this.#place(path)
    const target = this.#place(to)
    const entry = from.dir.children.get(from.name)
    if (!entry) throw new Refusal('ENOENT')
    const old = target.dir.children.get(target.name)
    if (`${to}/`.startsWith(`${path}/`) && to !== path) throw new Refusal('EINVAL')
    if (old === entry) return
    if (`${path}/`.startsWith(`${to}/`)) throw new Refusal('ENOTEMPTY')
    if (old && entry.kind === 'directory') {
      if (old.kind !== 'directory') throw new Refusal('ENOTDIR')
      if (old.children.size > 0) throw new Refusal('ENOTEMPTY')
    } else if (old?.kind === 'directory') throw new Refusal('EISDIR')
    from.dir.children.delete(from.name)
    target.dir.children.set(target.name, entry)
    target.dir.mtime = this.#span
    this.#lost(from.dir)
  }

  #remove(dir: DirEntry, name: string): void {
    dir.children.delete(name)
    this.#lost(dir)
  }

  /** A child has left. Where another came in its stead, as by a new name in the same directory, nothing vanishes. */
  #lost(dir: DirEntry): void {
    dir.mtime = this.#span
    if (dir.children.size === 0) dir.marked = true
  }

  #stat(entry: Entry): Stat {
    const { kind, perm, uid, gid } = entry
    const size = entry.kind === 'directory' ? 0 : entry.bytes.length
    const seen = 'value' in this.#actual ? (this.#actual.value as Stat) : undefined
    const mtime = seen && admits(entry, seen.mtime) ? seen.mtime : entry.mtime.from
    return { kind, perm, uid, gid, size, mtime }
  }

  #slot(number: number, access?: 'r' | 'w'): Slot {
    const slot = this.slots.get(number)
    if (!slot || (access && !slot.mode.access.includes(access))) throw new Refusal('EBADF')
    return slot
  }

  #fileAt(path: string): FileEntry {
    const entry = this.#at(path)
    if (entry.kind === 'directory') throw new Refusal('EISDIR')
    if (entry.kind === 'symlink') throw new Refusal('ELOOP')
    return entry
  }

  #at(path: string): Entry {
    if (path === '') return this.root
    const { dir, name } = this.#place(path)
    const entry = dir.children.get(name)
    if (!entry) throw new Refusal('ENOENT')
    return entry
  }

  #place(path: string): { dir: DirEntry; name: string } {
    const names = path.split('/')
    const name = names.pop()!
    let dir = this.root
    for (const one of names) {
      const next = dir.children.get(one)
      if (!next) throw new Refusal('ENOENT')
      if (next.kind !== 'directory') throw new Refusal('ENOTDIR')
      dir = next
    }
    return { dir, name }
  }

  #file(perm: number): FileEntry {
    return { kind: 'file', bytes: new Uint8Array(0), ...this.#common(perm) }
  }

  #dir(perm: number): DirEntry {
    return { kind: 'directory', children: new Map(), marked: true, ...this.#common(perm) }
  }

  #common(perm: number) {
    return { perm, uid: 1000, gid: 1000, mtime: this.#span, xattrs: new Map<string, string>() }
  }
}

/** Whether the entry's time can be this; it is this from now on. A directory's is not kept exactly. */
export function admits(entry: Entry, mtime: bigint): boolean {
  if (entry.kind === 'directory') return true
  if (mtime < entry.mtime.from || mtime > entry.mtime.to) return false
  entry.mtime = { from: mtime, to: mtime }
  return true
}
