/** Handles: opening (an open sees what the bucket holds by then), closing, and what fsync promises. */
import { FsError, StoreError } from '../core/errors.ts'
import { isSpecial } from '../core/posix.ts'
import type { HandleId, ObjectVersion } from '../core/types.ts'
import { initialWindow, type Window } from '../core/window.ts'
import type { OpenFlags } from './api.ts'
import { applyHead } from './attributes.ts'
import { commitTimes } from './commit.ts'
import type { FsContext } from './context.ts'
import { truncate } from './content.ts'
import { servesOpen } from './habit.ts'
import type { FileNode } from './node.ts'
import { detach, forgetIfUnused } from './tree.ts'
import { letGo } from './unnamed.ts'

export interface FileHandle {
  readonly id: HandleId
  readonly node: FileNode
  readonly flags: OpenFlags
  window: Window
  /** The version it was opened on, and the node's generation then: a change from elsewhere doesn't mix in. */
  readonly version: ObjectVersion | undefined
  readonly generation: number
  /** The node's count when it was opened. */
  readonly keptAside: number
}

/** Opens a file, after asking the bucket for its version. Rejects ENOENT when it is gone, ELOOP for a symlink. */
export async function openFile(
  ctx: FsContext,
  id: HandleId,
  node: FileNode,
  flags: OpenFlags,
): Promise<FileHandle> {
  if (node.kind === 'symlink') throw new FsError('ELOOP', `${node.name} is a symlink`)
  if (isSpecial(node.kind)) throw new FsError('ENXIO', `${node.name} has no bytes`)
  const { keptAside } = node
  if (keptAside !== node.asideWhenFound) {
    // The kernel looks the name up again and opens what it means now.
    throw new FsError('ESTALE', `${node.name} was kept under another name meanwhile`)
  }
  // Counted first: what is open is not forgotten while the bucket is asked.
  node.opens += 1
  if (flags.write) hold(ctx, node)
  try {
    if (!flags.truncate) await revalidate(ctx, node)
    else await truncate(ctx, node, 0)
  } catch (error) {
    close(ctx, node, flags)
    throw error
  }
  return { ...handleOf(id, node, flags), keptAside }
}

export function handleOf(id: HandleId, node: FileNode, flags: OpenFlags): FileHandle {
  const { content, generation, keptAside } = node
  const version = content.is === 'stored' ? content.version : undefined
  return { id, node, flags, window: initialWindow(), version, generation, keptAside }
}

function hold(ctx: FsContext, node: FileNode): void {
  node.writers += 1
  if (node.parent) ctx.writeBack.hold(node.key)
}

async function revalidate(ctx: FsContext, node: FileNode): Promise<void> {
  const { content } = node
  if (content.is !== 'stored' || !node.parent || ctx.writeBack.get(node.key)) return
  node.parent.habit.opened += 1
  if (servesOpen(node.answeredAt, ctx.clock.now())) return
  try {
    const head = await ctx.reader.revalidate(node.key, content.version.etag)
    if (ctx.writeBack.get(node.key) || node.content !== content) return
    applyHead(ctx, node, head)
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'not-found') throw error
    if (node.parent && !ctx.writeBack.get(node.key)) detach(ctx, node)
    throw new FsError('ENOENT', `${node.key} is gone from the bucket`, error)
  }
}

export async function flush(ctx: FsContext, handle: FileHandle): Promise<void> {
  const { node, flags } = handle
  if (!flags.write) return
  commitTimes(ctx, node)
  if (!ctx.options.closeWaits || !node.parent) return
  await ctx.writeBack.flush([node.key])
  tellKeptAside(handle)
}

/** Rejects with ESTALE where the bytes are in the bucket, but under another name than they were written to. */
export async function fsync(ctx: FsContext, handle: FileHandle): Promise<void> {
  const { node } = handle
  commitTimes(ctx, node)
  if (!node.parent) return
  if (ctx.options.fsync === 'bucket') {
    await ctx.writeBack.flush([node.key])
    // A power cut must not bring back what is done, to be sent over what is newer.
    await ctx.journal.sync()
    return tellKeptAside(handle)
  }
  if (node.content.is === 'staged') await node.content.staged.stage.sync()
  await ctx.journal.sync()
}

function tellKeptAside({ node, keptAside }: FileHandle): void {
  if (node.keptAside === keptAside) return
  throw new FsError(
    'ESTALE',
    `somebody else wrote the file; what was written here is in ${node.name}`,
  )
}

/** The end of a handle. */
export function close(ctx: FsContext, node: FileNode, flags: OpenFlags): void {
  node.opens -= 1
  if (flags.write) {
    node.writers -= 1
    if (node.writers === 0 && node.parent) ctx.writeBack.rest(node.key)
  }
  if (node.opens === 0 && node.content.is === 'stored') ctx.reader.quiet(node.content.version)
  if (node.opens === 0 && !node.parent) letGo(ctx, node)
  forgetIfUnused(ctx, node)
}
