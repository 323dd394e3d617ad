/** chmod, chown, utimens, truncate: new attributes, kept in the object's metadata. */
import { FsError } from '../core/errors.ts'
import { readAttributes, tellsTime } from '../core/metadata.ts'
import { isSpecial } from '../core/posix.ts'
import type { Key, Nanoseconds, ObjectMeta } from '../core/types.ts'
import type { AttrChange } from './api.ts'
import { isTop } from './buckets.ts'
import { loadMeta } from './attributes.ts'
import { changeOf, checkMeta, commit, fits, stampMeta, storedOf } from './commit.ts'
import { truncate } from './content.ts'
import type { FsContext } from './context.ts'
import { nowNs } from './context.ts'
import { isDir, sizeOf, type Node } from './node.ts'

export async function setAttributes(ctx: FsContext, node: Node, change: AttrChange): Promise<void> {
  if (change.size !== undefined && isSpecial(node.kind)) {
    throw new FsError('EINVAL', `${node.name} has no bytes`)
  }
  if (change.size !== undefined && !isDir(node)) await truncate(ctx, node, change.size)
  const { perm, uid, gid, mtime, atime } = change
  if ([perm, uid, gid, mtime, atime].every(one => one === undefined)) return
  await loadMeta(ctx, node)
  const time = (value: Nanoseconds | 'now') => (value === 'now' ? nowNs(ctx) : value)
  await update(ctx, node, () => {
    if (perm !== undefined) node.perm = perm & 0o7777
    if (uid !== undefined) node.uid = uid
    if (gid !== undefined) node.gid = gid
    if (atime !== undefined) node.atime = time(atime)
    if (mtime !== undefined) {
      node.mtime = time(mtime)
      // A later write gives a later time than this moment's.
      if (!isDir(node)) Object.assign(node, { timesDirty: false, toldTime: nowNs(ctx) })
    }
    // atime is not kept in the bucket: it alone is no reason to send anything.
    if ([perm, uid, gid, mtime].some(one => one !== undefined)) stampMeta(ctx, node)
  })
}

/**
 * Before other metadata of a file are changed: its time goes along. Where only LastModified tells it, the request
 * itself would make it the present.
 */
export function keepTime(ctx: FsContext, node: Node): void {
  if (!isDir(node) && !isTop(ctx, node)) stampMeta(ctx, node)
}

/**
 * The same before a file's bytes are copied to its new name: the metadata for it there; undefined where the source's
 * tell the time, or cannot hold it. Rejects with StoreError or FsError.
 */
export async function metaForCopy(ctx: FsContext, key: Key): Promise<ObjectMeta | undefined> {
  const node = ctx.unsettled.get(key)
  if (!node || isDir(node)) return undefined
  const { content } = node
  try {
    await loadMeta(ctx, node)
  } catch (error) {
    // Without a source the copy says what is to be said.
    if (error instanceof FsError && error.errno === 'ENOENT') return undefined
    throw error
  }
  const { meta } = node
  if (!meta || node.metaDirty || node.content !== content || tellsTime(meta)) return undefined
  const { modified } = node
  const { kind } = readAttributes({ key, size: sizeOf(node), modified, meta }, ctx.options.defaults)
  // It turns out to stand for a directory, as other programs keep them.
  if (kind === 'directory') return undefined
  const stamped = stampMeta(ctx, node)
  if (fits(ctx, stamped)) return stamped
  Object.assign(node, { meta, metaDirty: false })
  return undefined
}

/** Changes a node whose metadata is loaded and commits it; on a failure it is as it was. */
export async function update(ctx: FsContext, node: Node, apply: () => void): Promise<void> {
  const { perm, uid, gid, mtime, atime, ctime, meta, metaDirty } = node
  const back = { perm, uid, gid, mtime, atime, ctime, meta, metaDirty }
  const stored = storedOf(node)
  try {
    apply()
    node.ctime = nowNs(ctx)
    if (node.meta === meta || isTop(ctx, node) || !node.parent) return
    if (isDir(node) && !node.key.endsWith('/')) return
    if (node.meta) checkMeta(ctx, node.meta)
    commit(ctx, [changeOf(node, stored)], [node])
  } catch (error) {
    Object.assign(node, back)
    throw error
  }
}
