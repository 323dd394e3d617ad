/**
 * Files that have lost their name while they are open: removed, or another has it now. Who has one open goes on reading
 * it. The bytes that only the bucket has stay there as long as nobody waits for the delete; before the object is
 * replaced, or a delete that somebody waits for, they are fetched into a staged file that no record names.
 */
import { FsError, StoreError } from '../core/errors.ts'
import type { Source } from '../core/state.ts'
import type { Bytes, ETag, Key } from '../core/types.ts'
import { holesOf } from '../writeback/staged-read.ts'
import type { Staged } from '../writeback/staged.ts'
import { loadMeta } from './attributes.ts'
import type { FsContext } from './context.ts'
import type { FileContent, FileNode } from './node.ts'

/** Bytes fetched at once, and how far ahead of that. */
const STEP: Bytes = 1024 * 1024
const AHEAD: Bytes = 8 * STEP

/** The part of the staging limit that one such file may take. */
const SHARE = 1 / 4

/** Whether the object of this key is still needed. */
export function isNeeded(ctx: FsContext, key: Key): boolean {
  return needing(ctx, key).length > 0
}

/**
 * Fetches what is needed of the object. Rejects with StoreError or FsError where another try may help; with `last`,
 * and where none would, the file is given up: what of it is not in memory reads as ESTALE.
 */
export async function keepUnnamed(ctx: FsContext, key: Key, last: boolean): Promise<void> {
  for (const node of needing(ctx, key)) {
    try {
      if (ctx.unnamed.has(node)) await fetchAll(ctx, node)
    } catch (error) {
      if (!last && mayPass(error)) throw error
      giveUp(ctx, node, error)
    }
  }
}

/** A request that was made for a file under its last name made `now` of the version `before`: it has the same bytes. */
export function followUnnamed(ctx: FsContext, before: ETag, now: Source): void {
  for (const node of needing(ctx, now.key)) {
    const { content } = node
    if (neededBy(node)?.etag !== before || before === now.etag) continue
    if (content.is === 'stored' && content.version.size === now.size) {
      node.content = { is: 'stored', version: now }
    }
    if (content.is !== 'staged') continue
    try {
      content.staged.stage.rebase(now)
    } catch (error) {
      giveUp(ctx, node, error)
    }
  }
}

/** Its last handle is being closed: what was kept for it may go. */
export function letGo(ctx: FsContext, node: FileNode): void {
  ctx.writeBack.letGo(node.key)
  const source = neededBy(node)
  if (source && source.key !== node.key) ctx.writeBack.letGo(source.key)
}

function needing(ctx: FsContext, key: Key): readonly FileNode[] {
  return ctx.unnamed.size === 0 ? [] : [...ctx.unnamed].filter(one => neededBy(one)?.key === key)
}

/** The version that bytes are still to come from. */
function neededBy({ content }: FileNode): Source | undefined {
  if (content.is === 'stored') return content.version.size > 0 ? content.version : undefined
  return content.is === 'staged' && holesOf(content.staged.stage).length > 0
    ? content.staged.stage.base
    : undefined
}

async function fetchAll(ctx: FsContext, node: FileNode): Promise<void> {
  const { content } = node
  const size = neededBy(node)?.size ?? 0
  if (size > ctx.journal.stagingLimit * SHARE) {
    throw new FsError('EFBIG', `${node.key} is too large to be kept on the local disk`)
  }
  if (content.is === 'stored') return fetchStored(ctx, node, content)
  if (content.is !== 'staged') return
  const staged = ctx.staged.use(content.staged.id)
  try {
    await staged.lock.run(() => fill(ctx, staged))
  } finally {
    ctx.staged.release(staged.id)
  }
}

async function fetchStored(
  ctx: FsContext,
  node: FileNode,
  content: FileContent & { is: 'stored' },
): Promise<void> {
  await loadMeta(ctx, node)
  const staged = ctx.staged.create(content.version)
  let used = false
  try {
    await fill(ctx, staged)
    // Closed, written to or gone on from another version meanwhile.
    if (node.content !== content || !ctx.unnamed.has(node)) return
    node.content = { is: 'staged', staged }
    used = true
  } finally {
    if (!used) ctx.staged.release(staged.id)
  }
}

/** Call under the lock, or before anybody else knows of it. */
async function fill(ctx: FsContext, staged: Staged): Promise<void> {
  const { stage } = staged
  for (const hole of holesOf(stage)) {
    for (let at = hole.start; at < hole.end; at += STEP) {
      const end = Math.min(at + STEP, hole.end)
      const bytes = new Uint8Array(end - at)
      const ahead = { start: end, end: Math.min(end + AHEAD, hole.end) }
      await ctx.reader.read(stage.base!, at, bytes, ahead)
      // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- a staged file is no array
      await stage.fill(bytes, at)
    }
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof StoreError) return error.passing
  return error instanceof FsError && error.errno === 'ENOSPC'
}

function giveUp(ctx: FsContext, node: FileNode, error: unknown): void {
  ctx.unnamed.delete(node)
  const message = error instanceof Error ? error.message : String(error)
  ctx.log.warn('an open file that has lost its name cannot be kept', { key: node.key, message })
}
