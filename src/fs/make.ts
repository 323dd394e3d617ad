/** New names: files, directories, symlinks. */
import { FsError } from '../core/errors.ts'
import { TARGET_MAX } from '../core/posix.ts'
import type { StoredState } from '../core/state.ts'
import type { Key } from '../core/types.ts'
import type { Caller, SpecialFile } from './api.ts'
import { checkNoBucket, holdsBuckets, makeBucket } from './buckets.ts'
import { changeOf, commit, freshMeta, stampMeta } from './commit.ts'
import type { FsContext } from './context.ts'
import { checkTwinName, child } from './find.ts'
import { newlyMade } from './kept.ts'
import type { DirNode, FileContent, FileNode, Node } from './node.ts'
import { attach, forgetIfUnused, keyFor, newDir, newFile, touchDir } from './tree.ts'

/** What a key is known to hold when the name was found to be free. */
const FREE: StoredState = { is: 'absent' }

export async function makeFile(
  ctx: FsContext,
  parent: DirNode,
  name: string,
  perm: number,
  caller: Caller | undefined,
): Promise<FileNode> {
  const key = await freeKey(ctx, parent, name, 'file')
  const staged = ctx.staged.create()
  const node = newFile(ctx, key, { is: 'staged', staged })
  own(node, perm, caller)
  node.opens = 1
  node.writers = 1
  try {
    return enter(ctx, parent, name, node)
  } catch (error) {
    node.opens = 0
    forgetIfUnused(ctx, node)
    throw error
  }
}

export async function makeSymlink(
  ctx: FsContext,
  parent: DirNode,
  name: string,
  target: string,
  caller: Caller | undefined,
): Promise<FileNode> {
  const bytes = new TextEncoder().encode(target)
  if (bytes.byteLength > TARGET_MAX) throw new FsError('ENAMETOOLONG', 'symlink target')
  if (bytes.byteLength === 0) throw new FsError('ENOENT', 'empty symlink target')
  const key = await freeKey(ctx, parent, name, 'file')
  const content: FileContent = { is: 'inline', bytes }
  const node = newFile(ctx, key, content)
  node.kind = 'symlink'
  own(node, 0o777, caller)
  return enter(ctx, parent, name, node)
}

/** An empty object, which its metadata makes a FIFO, socket or device. */
export async function makeSpecial(
  ctx: FsContext,
  parent: DirNode,
  name: string,
  { kind, rdev }: SpecialFile,
  perm: number,
  caller: Caller | undefined,
): Promise<FileNode> {
  const key = await freeKey(ctx, parent, name, 'file')
  const node = newFile(ctx, key, { is: 'inline', bytes: new Uint8Array() })
  Object.assign(node, { kind, rdev })
  own(node, perm, caller)
  return enter(ctx, parent, name, node)
}

export async function makeDir(
  ctx: FsContext,
  parent: DirNode,
  name: string,
  perm: number,
  caller: Caller | undefined,
): Promise<DirNode> {
  const key = await freeKey(ctx, parent, name, 'directory')
  if (holdsBuckets(ctx, parent)) return makeBucket(ctx, parent, name)
  const node = newDir(ctx, key)
  own(node, perm, caller)
  node.complete = true
  node.listedAt = ctx.clock.now()
  node.marker = 'absent'
  return enter(ctx, parent, name, node)
}

function own(node: Node, perm: number, caller: Caller | undefined): void {
  node.perm = perm & 0o7777
  if (!caller) return
  node.uid = caller.uid
  node.gid = caller.gid
}

/** Awaits all that has to be known; what follows it is done in one step. Rejects EEXIST. */
async function freeKey(
  ctx: FsContext,
  parent: DirNode,
  name: string,
  kind: 'file' | 'directory',
): Promise<Key> {
  const key = keyFor(ctx, parent, name, kind)
  if (kind === 'file') await checkTwinName(ctx, parent, name)
  if (await child(ctx, parent, name)) throw new FsError('EEXIST', `${name} exists`)
  if (parent !== ctx.root && !parent.parent) throw new FsError('ENOENT', 'the directory is gone')
  if (kind === 'file') checkNoBucket(ctx, parent, name)
  return key
}

function enter<N extends Node>(ctx: FsContext, parent: DirNode, name: string, node: N): N {
  // Two makers of one name may both have found it free.
  if (parent.children.has(name)) {
    ctx.inodes.delete(node.ino)
    throw new FsError('EEXIST', `${name} exists`)
  }
  node.name = name
  node.meta = freshMeta(ctx, node)
  stampMeta(ctx, node)
  newlyMade(ctx, node)
  try {
    commit(ctx, [changeOf(node, FREE)], [node])
  } catch (error) {
    ctx.inodes.delete(node.ino)
    throw error
  }
  attach(ctx, parent, name, node)
  touchDir(ctx, parent)
  return node
}
