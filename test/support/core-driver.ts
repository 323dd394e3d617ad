/** Runs operations on a core, as a program and its kernel would, and compares a core and its bucket with the model. */
/* oxlint-disable typescript/switch-exhaustiveness-check -- each switch hands on what is not its own */
import { isDeepStrictEqual } from 'node:util'
import { keyOf } from '../../src/core/key-name.ts'
import { readAttributes } from '../../src/core/metadata.ts'
import { FsError } from '../../src/core/errors.ts'
import { xattrsOf } from '../../src/core/user-xattrs.ts'
import type { Attr } from '../../src/fs/api.ts'
import { bucketOf } from './bucket-view.ts'
import { type Core } from './core.ts'
import {
  filling,
  type Driver,
  type Op,
  type OpenMode,
  type Outcome,
  type Stat,
} from './file-ops.ts'
import { admits, ReferenceModel, type DirEntry, type Entry } from './reference-model.ts'

const utf8 = new TextEncoder()

export class CoreDriver implements Driver {
  readonly core: Core
  readonly #slots = new Map<number, { handle: number; mode: OpenMode }>()

  constructor(core: Core) {
    this.core = core
  }

  /** Does not let time pass: the caller runs the clock. */
  async apply(op: Op): Promise<Outcome> {
    try {
      return { value: await this.#run(op) }
    } catch (error) {
      if (error instanceof FsError) return { errno: error.errno }
      throw error
    }
  }

  async closeAll(): Promise<void> {
    for (const slot of this.#slots.keys()) await this.apply({ op: 'close', slot })
  }

  async #run(op: Op): Promise<unknown> {
    const { core } = this
    const { fs } = core
    switch (op.op) {
      case 'open':
        return this.#open(op)
      case 'write':
        return fs.write(this.#slot(op.slot, 'w'), filling(op), op.offset)
      case 'read': {
        const into = new Uint8Array(op.size)
        const got = await fs.read(this.#slot(op.slot, 'r'), into, op.offset)
        return Buffer.from(into.subarray(0, got)).toString('hex')
      }
      case 'ftruncate': {
        const handle = this.#slot(op.slot, 'w')
        return void (await fs.setattr(0, { size: op.size }, handle))
      }
      case 'fstat':
        return statOf(await fs.getattr(0, this.#slot(op.slot)))
      case 'fsync':
        return fs.fsync(this.#slot(op.slot), false)
      case 'close': {
        const handle = this.#slot(op.slot)
        this.#slots.delete(op.slot)
        return core.close(handle)
      }
      case 'wait':
        return core.clock.sleep(op.span)
      default:
        return this.#onPath(op)
    }
  }

  async #onPath(op: Op & { path: string }): Promise<unknown> {
    const { fs } = this.core
    if (op.op === 'rename') {
      const from = await this.core.place(op.path)
      const to = await this.core.place(op.to)
      return fs.rename(from.dir, from.name, to.dir, to.name)
    }
    if (['mkdir', 'symlink', 'unlink', 'rmdir'].includes(op.op)) {
      const { dir, name } = await this.core.place(op.path)
      if (op.op === 'mkdir') return void (await fs.mkdir(dir, name, op.perm))
      if (op.op === 'symlink') return void (await fs.symlink(dir, name, op.target))
      return op.op === 'unlink' ? fs.unlink(dir, name) : fs.rmdir(dir, name)
    }
    const attr = op.path === '' ? await fs.getattr(1) : await this.#lookup(op.path)
    const { ino, kind } = attr
    if (op.op === 'readlink') return fs.readlink(ino)
    if (op.op === 'stat') return statOf(await fs.getattr(ino))
    if (op.op === 'readdir') return this.#readdir(ino)
    if (op.op === 'truncate') {
      if (kind === 'directory') throw new FsError('EISDIR', op.path)
      if (kind === 'symlink') throw new FsError('ELOOP', op.path)
      return void (await fs.setattr(ino, { size: op.size }))
    }
    if (kind === 'symlink') throw new FsError('EPERM', op.path)
    return this.#attribute(ino, op)
  }

  async #attribute(ino: number, op: Op): Promise<unknown> {
    const { fs } = this.core
    switch (op.op) {
      case 'chmod':
        return void (await fs.setattr(ino, { perm: op.perm }))
      case 'chown':
        return void (await fs.setattr(ino, { uid: op.uid, gid: op.gid }))
      case 'utimens':
        return void (await fs.setattr(ino, { mtime: op.mtime }))
      case 'setxattr':
        return fs.setxattr(ino, op.name, utf8.encode(op.value), 'either')
      case 'getxattr':
        return new TextDecoder().decode(await fs.getxattr(ino, op.name))
      case 'removexattr':
        return fs.removexattr(ino, op.name)
      case 'listxattr':
        return [...(await fs.listxattr(ino))].sort()
      default:
        throw new Error(op.op)
    }
  }

  async #readdir(ino: number): Promise<string[]> {
    const { fs } = this.core
    const handle = await fs.opendir(ino)
    try {
      return (await fs.readdir(handle)).map(({ name }) => name).sort()
    } finally {
      await fs.releasedir(handle)
    }
  }

  async #open({ slot, path, mode, perm }: Op & { op: 'open' }): Promise<void> {
    if (this.#slots.has(slot)) await this.apply({ op: 'close', slot })
    const { access, append, truncate, create, exclusive } = mode
    const flags = { read: access.includes('r'), write: access.includes('w'), append, truncate }
    const handle = await this.core.open(path, { flags, create, exclusive, perm })
    this.#slots.set(slot, { handle, mode })
  }

  async #lookup(path: string): Promise<Attr> {
    const { dir, name } = await this.core.place(path)
    return this.core.fs.lookup(dir, name)
  }

  #slot(number: number, access?: 'r' | 'w'): number {
    const slot = this.#slots.get(number)
    if (!slot || (access && !slot.mode.access.includes(access))) throw new FsError('EBADF', '')
    return slot.handle
  }
}

function statOf({ kind, perm, uid, gid, size, mtime }: Attr): Stat {
  return { kind, perm, uid, gid, size: kind === 'directory' ? 0 : size, mtime }
}

/** The clock's now as files' times have it, to the millisecond. */
export function nowOf(core: Core): bigint {
  return BigInt(Math.trunc(core.clock.now())) * 1_000_000n
}

/** Whether both are the same to a program; a directory's time is not compared. */
export function sameOutcome(op: Op, actual: Outcome, wanted: Outcome): boolean {
  if (isDeepStrictEqual(actual, wanted)) return true
  if ('errno' in wanted && 'errno' in actual) {
    // The kernel refuses what would replace its own ancestor before it asks what kind it is.
    const ancestor =
      op.op === 'rename' && wanted.errno === 'ENOTEMPTY' && `${op.path}/`.startsWith(`${op.to}/`)
    return ancestor && actual.errno === 'EISDIR'
  }
  return false
}

type Loose = Readonly<Record<string, unknown>>

/** What differs between the model and what programs see in the core; empty: nothing. */
export async function treeDifferences(core: Core, model: ReferenceModel): Promise<string[]> {
  const wrong: string[] = []
  const seen = new Map<string, Attr>()
  const walk = async (ino: number, path: string): Promise<void> => {
    const handle = await core.fs.opendir(ino)
    const entries = await core.fs.readdir(handle)
    await core.fs.releasedir(handle)
    for (const { name } of entries) {
      try {
        const attr = await core.fs.lookup(ino, name)
        seen.set(path + name, attr)
        if (attr.kind === 'directory') await walk(attr.ino, `${path}${name}/`)
      } catch (error) {
        wrong.push(`${path}${name}: ${String(error)}`)
      }
    }
  }
  await walk(1, '')
  const wanted = new Map(model.all())
  for (const path of seen.keys()) if (!wanted.has(path)) wrong.push(`${path}: should not be there`)
  for (const [path, entry] of wanted) {
    const attr = seen.get(path)
    if (!attr) wrong.push(`${path}: is missing`)
    else compare(wrong, path, entry, await viewOf(core, attr))
  }
  return wrong
}

async function viewOf(core: Core, attr: Attr): Promise<View> {
  const { fs } = core
  const { ino, kind, perm, uid, gid, mtime, size } = attr
  const xattrs = new Map<string, string>()
  for (const name of await fs.listxattr(ino)) {
    xattrs.set(name, new TextDecoder().decode(await fs.getxattr(ino, name)))
  }
  let bytes = new Uint8Array(0)
  if (kind === 'symlink') bytes = utf8.encode(await fs.readlink(ino))
  if (kind === 'file') {
    const handle = await fs.open(ino, { read: true, write: false, append: false, truncate: false })
    const into = new Uint8Array(size + 1)
    bytes = into.slice(0, await fs.read(handle, into, 0))
    await fs.release(handle)
  }
  return { kind, perm, uid, gid, mtime, xattrs, bytes }
}

/** What programs see in the core, as a model. */
export async function modelOf(core: Core): Promise<ReferenceModel> {
  const model = new ReferenceModel()
  const walk = async (ino: number, into: DirEntry): Promise<void> => {
    const handle = await core.fs.opendir(ino)
    const entries = await core.fs.readdir(handle)
    await core.fs.releasedir(handle)
    for (const { name } of entries) {
      const attr = await core.fs.lookup(ino, name)
      const { kind, perm, uid, gid, mtime, xattrs, bytes } = await viewOf(core, attr)
      const common = { perm, uid, gid, mtime: { from: mtime, to: mtime }, xattrs: new Map(xattrs) }
      if (kind === 'directory') {
        const dir: DirEntry = { kind, children: new Map(), marked: false, ...common }
        into.children.set(name, dir)
        await walk(attr.ino, dir)
        dir.marked = dir.children.size === 0
      } else into.children.set(name, { kind: kind as 'file' | 'symlink', bytes, ...common })
    }
  }
  await walk(1, model.root)
  return model
}

interface View {
  readonly kind: string
  readonly perm: number
  readonly uid: number
  readonly gid: number
  readonly mtime: bigint
  readonly xattrs: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
}

function compare(wrong: string[], path: string, entry: Entry, view: View): void {
  const loose = ({ kind, perm, uid, gid, xattrs }: View | Entry): Loose => ({
    kind,
    perm,
    uid,
    gid,
    xattrs: Object.fromEntries([...xattrs].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  })
  const [is, should] = [loose(view), loose(entry)]
  if (!isDeepStrictEqual(is, should)) {
    wrong.push(`${path}: is ${JSON.stringify(is)}, should be ${JSON.stringify(should)}`)
  }
  if (entry.kind === 'directory') return
  if (!admits(entry, view.mtime)) {
    wrong.push(`${path}: mtime ${view.mtime}, should be ${entry.mtime.from} to ${entry.mtime.to}`)
  }
  const at = firstDifference(view.bytes, entry.bytes)
  if (at !== undefined) {
    wrong.push(
      `${path}: ${view.bytes.length} bytes, should be ${entry.bytes.length}; different from ${at}`,
    )
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  const most = Math.max(a.length, b.length)
  for (let at = 0; at < most; at++) if (a[at] !== b[at]) return at
  return undefined
}

/** What differs between the model and the objects of a drained core; nothing else may be left either. */
export async function bucketDifferences(core: Core, model: ReferenceModel): Promise<string[]> {
  const wrong: string[] = []
  const objects = await bucketOf(core.memory)
  const { defaults } = core.context.options
  const known = new Set<string>()
  for (const [path, entry] of model.all()) {
    const key = keyOf(path.split('/'), entry.kind === 'directory' ? 'directory' : 'file')!
    known.add(key)
    const object = objects.get(key)
    if (!object) {
      if (entry.kind !== 'directory' || entry.marked) wrong.push(`bucket: ${key} is missing`)
      continue
    }
    const { bytes, meta, modified } = object
    const { kind, perm, uid, gid, mtime } = readAttributes(
      { meta, key, size: bytes.length, modified },
      defaults,
    )
    const xattrs = new Map<string, string>()
    for (const [name, value] of xattrsOf(meta.user))
      xattrs.set(`user.${name}`, new TextDecoder().decode(value))
    compare(wrong, `bucket: ${key}`, entry, { kind, perm, uid, gid, mtime, xattrs, bytes })
  }
  for (const key of objects.keys())
    if (!known.has(key)) wrong.push(`bucket: ${key} should not be there`)
  for (const upload of await core.memory.listUploads(''))
    wrong.push(`bucket: upload of ${upload.key} is left`)
  return wrong
}

/** What a drained core with no open files must not hold any more. */
export function leftovers(core: Core): string[] {
  return [
    ...core.journal.stages().map(id => `journal: staged file ${id} is left`),
    ...[...core.journal.records()].map(({ key }) => `journal: a record of ${key} is left`),
  ]
}
