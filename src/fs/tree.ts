/** The tree in memory: making nodes, hanging them in and out, keys below a directory. No requests. */
import { childKey, childName, isTwinName } from '../core/key-name.ts'
import { FsError } from '../core/errors.ts'
import type { Key } from '../core/types.ts'
import type { FsContext } from './context.ts'
import { nowNs } from './context.ts'
import { newHabit } from './habit.ts'
import { isDir, type DirNode, type FileContent, type FileNode, type Node } from './node.ts'

const utf8 = new TextEncoder()

export function newFile(ctx: FsContext, key: Key, content: FileContent): FileNode {
  const { defaults } = ctx.options
  const now = nowNs(ctx)
  const node: FileNode = {
    ino: ctx.nextIno(),
    kind: 'file',
    rdev: 0,
    name: '',
    parent: undefined,
    key,
    perm: defaults.filePerm,
    uid: defaults.uid,
    gid: defaults.gid,
    mtime: now,
    ctime: now,
    atime: now,
    meta: undefined,
    metaDirty: false,
    seenAt: ctx.clock.now(),
    content,
    answeredAt: -Infinity,
    modified: ctx.wall.now(),
    opens: 0,
    writers: 0,
    timesDirty: false,
    toldTime: 0n,
    generation: 0,
    keptAside: 0,
    asideWhenFound: 0,
  }
  ctx.inodes.set(node.ino, node)
  return node
}

export function newDir(ctx: Omit<FsContext, 'root'>, key: Key): DirNode {
  const { defaults } = ctx.options
  const now = nowNs(ctx)
  const node: DirNode = {
    ino: ctx.nextIno(),
    kind: 'directory',
    name: '',
    parent: undefined,
    key,
    perm: defaults.dirPerm,
    uid: defaults.uid,
    gid: defaults.gid,
    mtime: now,
    ctime: now,
    atime: now,
    meta: undefined,
    metaDirty: false,
    seenAt: ctx.clock.now(),
    children: new Map(),
    complete: false,
    listedAt: 0,
    large: false,
    asked: 0,
    listing: undefined,
    marker: 'unknown',
    markerTag: undefined,
    standIns: [],
    keptEmpty: false,
    habit: newHabit(),
  }
  ctx.inodes.set(node.ino, node)
  return node
}

/** Hangs a node in; what had the name before is taken out. */
export function attach(ctx: FsContext, parent: DirNode, name: string, node: Node): void {
  const old = parent.children.get(name)
  if (old && old !== node) detach(ctx, old)
  node.parent = parent
  node.name = name
  parent.children.set(name, node)
}

/** A directory with this prefix has left `parent`: the file of its key name, if any, has the name for itself now. */
export function freeTwin(ctx: FsContext, parent: DirNode, prefix: Key): void {
  const segment = prefix.slice(parent.key.length, -1)
  const twin = childName(parent.key, segment, 'twin')
  const name = childName(parent.key, segment, 'file')
  const node = twin === undefined ? undefined : parent.children.get(twin)
  if (!node || isDir(node) || name === undefined || parent.children.has(name)) return
  parent.children.delete(node.name)
  node.formerName = node.name
  attach(ctx, parent, name, node)
}

/** The name that a file has now, by the one that it had beside a directory; other names as they are. */
export function presentName(dir: DirNode, name: string): string {
  if (!isTwinName(name) || dir.children.has(name)) return name
  const key = childKey(dir.key, name, 'file')
  const plain =
    key === undefined ? undefined : childName(dir.key, key.slice(dir.key.length), 'file')
  const node = plain === undefined ? undefined : dir.children.get(plain)
  return node && !isDir(node) && node.formerName === name ? node.name : name
}

/** Takes a node out of its directory; it stays known while it is open. */
export function detach(ctx: FsContext, node: Node): void {
  const { parent } = node
  if (parent?.children.get(node.name) === node) parent.children.delete(node.name)
  node.parent = undefined
  if (ctx.unsettled.get(node.key) === node) ctx.unsettled.delete(node.key)
  if (isDir(node)) for (const child of node.children.values()) detach(ctx, child)
  forgetIfUnused(ctx, node)
}

/** An unlinked node that nobody has open is gone for good, with its staged bytes. */
export function forgetIfUnused(ctx: FsContext, node: Node): void {
  if (node.parent || node === ctx.root) return
  if (!isDir(node)) {
    if (node.opens > 0) return void ctx.unnamed.add(node)
    ctx.unnamed.delete(node)
    if (node.content.is === 'staged') ctx.staged.release(node.content.staged.id)
  }
  ctx.inodes.delete(node.ino)
}

/** The key for a new name. Throws ENAMETOOLONG or EINVAL. */
export function keyFor(
  ctx: FsContext,
  parent: DirNode,
  name: string,
  kind: 'file' | 'directory',
): Key {
  if (utf8.encode(name).length > 255) throw new FsError('ENAMETOOLONG', `${name}: over 255 bytes`)
  const key = childKey(parent.key, name, kind)
  if (key === undefined || key === '')
    throw new FsError('EINVAL', `${name} stands for a key that cannot be`)
  const { maxKey } = ctx.store.limits
  // Where the first segment is the bucket, it does not count.
  const own = ctx.store.buckets ? key.slice(key.indexOf('/') + 1) : key
  if (utf8.encode(own).length > maxKey) {
    throw new FsError('ENAMETOOLONG', `${name}: its whole key would be over ${maxKey} bytes`)
  }
  return key
}

/** Every node below, and the directory itself first. */
export function* below(dir: DirNode): Iterable<Node> {
  yield dir
  for (const child of dir.children.values()) {
    if (isDir(child)) yield* below(child)
    else yield child
  }
}

export function touchDir(ctx: FsContext, dir: DirNode): void {
  dir.mtime = nowNs(ctx)
  dir.ctime = dir.mtime
}
