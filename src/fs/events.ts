/** What the write-back reports: nodes become clean, and two writers of one key are kept apart. */
import type { Key, ObjectMeta } from '../core/types.ts'
import type { Stored } from '../store/store.ts'
import type { WriteBackEvents } from '../writeback/writeback.ts'
import type { FsContext } from './context.ts'
import { resolveConflict } from './conflict.ts'
import { isDir, type FileNode } from './node.ts'
import { metaForCopy } from './setattr.ts'
import { followUnnamed, isNeeded, keepUnnamed } from './unnamed.ts'

export function eventsOf(ctx: FsContext): WriteBackEvents {
  return {
    settled: (key, stored, meta) => settled(ctx, key, stored, meta),
    advanced: key => advanced(ctx, key),
    conflict: (key, error) => resolveConflict(ctx, key, error),
    needed: key => isNeeded(ctx, key),
    keep: (key, last) => keepUnnamed(ctx, key, last),
    metaForCopy: key => metaForCopy(ctx, key),
    replaced: (before, now) => followUnnamed(ctx, before, now),
  }
}

function settled(
  ctx: FsContext,
  key: Key,
  stored: Stored | undefined,
  meta: ObjectMeta | undefined,
): void {
  ctx.recent.settled(key, stored !== undefined)
  const node = ctx.unsettled.get(key)
  ctx.unsettled.delete(key)
  if (!node || !stored) return
  node.seenAt = ctx.clock.now()
  const modified = stored.modified ?? ctx.wall.now()
  if (isDir(node)) {
    node.marker = 'present'
    node.markerTag = { etag: stored.etag, modified }
    node.metaDirty = false
    return
  }
  become(ctx, node, { key, etag: stored.etag, size: stored.size })
  node.modified = modified
  if (meta === undefined || node.meta === meta) node.metaDirty = false
  if (meta && stored.modified !== undefined) {
    ctx.metaCache.set(key, stored.etag, stored.modified, meta)
  }
}

/** The file's bytes are those of a stored version from now on. */
function become(
  ctx: FsContext,
  node: FileNode,
  version: { key: Key; etag: string; size: number },
): void {
  const { content } = node
  node.content = { is: 'stored', version }
  if (content.is === 'staged') ctx.staged.release(content.staged.id)
}

/**
 * The bytes are in the bucket and only metadata is to be sent: the next write starts from that version. Or they were
 * fetched into a staged file, since the version that had them is to be overwritten.
 */
function advanced(ctx: FsContext, key: Key): void {
  const node = ctx.unsettled.get(key)
  const state = ctx.writeBack.get(key)
  if (!node || isDir(node) || state?.desired.is !== 'present') return
  const { content, meta } = state.desired
  if (content.from === 'stored' && node.content.is === 'staged') become(ctx, node, content.source)
  else if (content.from === 'stored' && node.content.is === 'stored') {
    node.content = { is: 'stored', version: content.source }
  }
  if (content.from !== 'stage' || node.content.is !== 'stored') return
  node.content = { is: 'staged', staged: ctx.staged.use(content.stage) }
  node.meta ??= meta
}
