/**
 * copy_file_range(2) of a whole file as one copy on the server. What it answered is in the bucket: the source may be
 * replaced or removed by anybody the moment after. Whatever is not that simple is left to reads and writes.
 */
import { FsError } from '../core/errors.ts'
import type { Bytes, ObjectVersion } from '../core/types.ts'
import type { Staged } from '../writeback/staged.ts'
import type { CopyRange } from './api.ts'
import { loadMeta } from './attributes.ts'
import { changeOf, commit, stampMeta } from './commit.ts'
import { replaceContent } from './content.ts'
import { nowNs, type FsContext } from './context.ts'
import { sizeOf, type FileNode } from './node.ts'
import type { FileHandle } from './open.ts'

/** Smaller files are copied by reading and writing: that waits for no server. */
const LEAST: Bytes = 4 * 1024 * 1024

/** Rejects EOPNOTSUPP where bytes are to be read and written: nothing is copied then. */
export async function copyRange(
  ctx: FsContext,
  from: FileHandle,
  to: FileHandle,
  range: CopyRange,
): Promise<Bytes> {
  if (range.fromOffset >= sizeOf(from.node)) return 0
  const version = wholeVersion(ctx, from, range)
  const { node } = to
  await loadMeta(ctx, node)
  const { content } = node
  if (version === undefined || content.is !== 'staged') throw elsewhere()
  const begun = await content.staged.lock.run(async () => begin(ctx, node, content.staged, version))
  if (!begun) throw elsewhere()
  try {
    await ctx.writeBack.flush([node.key])
  } catch (error) {
    if (!giveBack(ctx, node, version)) throw error
    // Who may not copy may still read and write.
    ctx.log.info('not copied on the server', { key: node.key, cause: error })
    throw elsewhere()
  }
  return version.size
}

function elsewhere(): FsError {
  return new FsError('EOPNOTSUPP', 'no whole stored file into an empty one')
}

/** The stored version that the range is all of, where nothing of the file waits here. */
function wholeVersion(
  ctx: FsContext,
  { node, generation }: FileHandle,
  { fromOffset, toOffset, length }: CopyRange,
): ObjectVersion | undefined {
  const { content } = node
  if (content.is !== 'stored' || generation !== node.generation) return undefined
  const { version } = content
  if (fromOffset > 0 || toOffset > 0 || length < version.size || version.size < LEAST) {
    return undefined
  }
  return ctx.writeBack.get(node.key) ? undefined : version
}

/** An empty new file becomes one with the version's bytes; false where it is something else by now. */
function begin(ctx: FsContext, node: FileNode, staged: Staged, version: ObjectVersion): boolean {
  const { content, meta, metaDirty, mtime, ctime } = node
  if (content.is !== 'staged' || content.staged !== staged || !node.parent) return false
  if (staged.stage.size > 0 || staged.stage.base || staged.upload || staged.beginning) return false
  const state = ctx.writeBack.get(node.key)
  if (state?.busy || state?.upload) return false
  node.content = { is: 'stored', version }
  node.mtime = nowNs(ctx)
  node.ctime = node.mtime
  stampMeta(ctx, node)
  try {
    commit(ctx, [changeOf(node)], [node])
  } catch (error) {
    Object.assign(node, { content, meta, metaDirty, mtime, ctime })
    throw error
  }
  node.timesDirty = false
  ctx.staged.release(staged.id)
  return true
}

/** The copy failed: the file is empty again; false where it has become another since. */
function giveBack(ctx: FsContext, node: FileNode, version: ObjectVersion): boolean {
  if (node.content.is !== 'stored' || node.content.version !== version) return false
  const staged = ctx.staged.create()
  try {
    replaceContent(ctx, node, staged)
    return true
  } catch (error) {
    ctx.staged.release(staged.id)
    throw error
  }
}
