/** Taking names away: unlink and rmdir. */
import { FsError } from '../core/errors.ts'
import { holdsBuckets, removeBucket } from './buckets.ts'
import { commit, emptiedBy, goneOf, markersFor } from './commit.ts'
import type { FsContext } from './context.ts'
import { nowNs } from './context.ts'
import { existing } from './find.ts'
import { loadDir } from './listing.ts'
import { isDir, type DirNode } from './node.ts'
import { withoutStandIns } from './stand-ins.ts'
import { detach, freeTwin, touchDir } from './tree.ts'

export async function unlink(ctx: FsContext, parent: DirNode, name: string): Promise<void> {
  const node = await existing(ctx, parent, name)
  if (isDir(node)) throw new FsError('EISDIR', `${name} is a directory`)
  if (parent.children.get(node.name) !== node) throw new FsError('ENOENT', `${name} does not exist`)
  const kept = emptiedBy(ctx, parent, node)
  const gone = goneOf(ctx, parent, node)
  commit(ctx, [gone, ...markersFor(kept)], [parent, ...kept])
  node.ctime = nowNs(ctx)
  detach(ctx, node)
  touchDir(ctx, parent)
}

export async function rmdir(ctx: FsContext, parent: DirNode, name: string): Promise<void> {
  const node = await existing(ctx, parent, name)
  if (!isDir(node)) throw new FsError('ENOTDIR', `${name} is not a directory`)
  if (holdsBuckets(ctx, parent)) return removeBucket(ctx, parent, node)
  await loadDir(ctx, node)
  if (node.children.size > 0) throw new FsError('ENOTEMPTY', `${name} is not empty`)
  if (parent.children.get(name) !== node) throw new FsError('ENOENT', `${name} does not exist`)
  const kept = emptiedBy(ctx, parent, node)
  const changes = node.key.endsWith('/') ? [goneOf(ctx, parent, node)] : []
  commit(ctx, [...changes, ...withoutStandIns(node), ...markersFor(kept)], kept)
  detach(ctx, node)
  freeTwin(ctx, parent, node.key)
  touchDir(ctx, parent)
}
