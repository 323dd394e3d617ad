/**
 * The root of a mount of all buckets: its directories are buckets. They are made and removed at once, with the store's
 * own answer; nothing else can be there, and none of it goes through the write-back.
 */
import { FsError, StoreError } from '../core/errors.ts'
import type { FsContext } from './context.ts'
import { loadDir } from './listing.ts'
import { isDir, type DirNode, type Node } from './node.ts'
import { attach, detach, keyFor, newDir, touchDir } from './tree.ts'

/** Whether the names in it are buckets. */
export function holdsBuckets(ctx: FsContext, dir: DirNode): boolean {
  return dir === ctx.root && ctx.store.buckets !== undefined
}

/** Whether it is a bucket, or the mount point: what has no object to keep attributes in. */
export function isTop(ctx: FsContext, node: Node): boolean {
  return node === ctx.root || (node.parent === ctx.root && ctx.store.buckets !== undefined)
}

/** Throws EPERM where only buckets can be. */
export function checkNoBucket(ctx: FsContext, parent: DirNode, what: string): void {
  if (!holdsBuckets(ctx, parent)) return
  throw new FsError('EPERM', `${what}: only buckets can be here (mkdir makes one)`)
}

/** Rejects EEXIST and EINVAL with the store's reason. The name is free as far as the file system knows. */
export async function makeBucket(ctx: FsContext, root: DirNode, name: string): Promise<DirNode> {
  const key = keyFor(ctx, root, name, 'directory')
  try {
    await ctx.store.buckets!.create(key.slice(0, -1))
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'invalid') {
      throw new FsError('EINVAL', error.message, error)
    }
    throw error
  }
  const known = root.children.get(name)
  if (known && isDir(known)) return known
  const node = newDir(ctx, key)
  node.complete = true
  node.listedAt = ctx.clock.now()
  node.marker = 'present'
  node.markerTag = { etag: '', modified: node.listedAt }
  node.meta = { user: {} }
  attach(ctx, root, name, node)
  touchDir(ctx, root)
  return node
}

/** Rejects ENOTEMPTY, and deletes nothing then. What the mount has deleted in it is sent first. */
export async function removeBucket(ctx: FsContext, root: DirNode, node: DirNode): Promise<void> {
  await loadDir(ctx, node)
  if (node.children.size > 0) throw new FsError('ENOTEMPTY', `${node.name} is not empty`)
  const pending = [...ctx.writeBack.all()].map(({ key }) => key)
  await ctx.writeBack.flush(pending.filter(key => key.startsWith(node.key)))
  await ctx.store.buckets!.remove(node.key.slice(0, -1))
  detach(ctx, node)
  touchDir(ctx, root)
}
