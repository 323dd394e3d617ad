/**
 * Which objects have an access list or tags of their own, noted in their metadata (`core/kept`); and that a file which
 * takes the place of such a one, as when an editor saves it, gets them too. See semantics.md, "Extended attributes".
 */
import { formatKept, parseKept, type Kept } from '../core/kept.ts'
import type { Key, Milliseconds } from '../core/types.ts'
import { applyMeta, loadMeta } from './attributes.ts'
import { isTop } from './buckets.ts'
import type { FsContext } from './context.ts'
import { isDir, type FileNode, type Node } from './node.ts'
import { keepTime, update } from './setattr.ts'

/** What a file system remembers for this. */
export interface Keeping {
  /** Files that were made in this mount, not found in the bucket. */
  readonly made: WeakSet<Node>
  /** Noted files' names that were renamed away. */
  readonly movedAway: Map<Key, { readonly kept: string; readonly at: Milliseconds }>
}

export function newKeeping(): Keeping {
  return { made: new WeakSet(), movedAway: new Map() }
}

/** How long a name that was renamed away may be made anew and count as the same file being saved. */
const SAVING: Milliseconds = 10_000
/** How long after its last change a file that is renamed over another counts as that one being saved. */
const JUST_NOW: Milliseconds = 60_000
const MOST = 100

/** Notes what was set on the object. Its stored metadata follow; a bucket has none. */
export async function noteKept(ctx: FsContext, node: Node, change: Kept): Promise<void> {
  if (isTop(ctx, node)) return
  const { kept: before } = await loadMeta(ctx, node)
  const kept = formatKept({ ...parseKept(before), ...change })
  if (kept === (before ?? '')) return
  await update(ctx, node, () => {
    keepTime(ctx, node)
    node.meta = { ...node.meta!, kept }
  })
}

/** Before a rename: what must be known of the file that is replaced. Takes nothing out of the tree. */
export async function loadReplaced(
  ctx: FsContext,
  node: Node,
  target: Node | undefined,
): Promise<void> {
  if (!target || isDir(target) || target.meta || target.content.is !== 'stored') return
  if (!takesOver(ctx, node) || ctx.options.attributes === 'listing') return
  const { key, etag } = target.content.version
  const head = await ctx.heads.get(key).catch(() => undefined)
  if (head?.etag === etag && !target.meta) applyMeta(ctx, target, head.meta)
}

/** A file that was made here and has nothing of its own gets what the replaced one has. */
export function takeOver(ctx: FsContext, node: FileNode, target: Node | undefined): void {
  if (!target?.meta?.kept || !takesOver(ctx, node)) return
  node.meta = { ...node.meta!, kept: target.meta.kept }
  node.metaDirty = true
}

/** A noted file gets another key: a plain copy would lose what the note is of, so all metadata are sent. */
export function sendNote(node: FileNode): void {
  if (node.meta?.kept) node.metaDirty = true
}

/** The same for a file that is renamed by itself; its old name is remembered for a while. */
export function movedAway(ctx: FsContext, node: FileNode, from: Key): void {
  const kept = node.meta?.kept
  if (!kept) return
  sendNote(node)
  const names = ctx.keeping.movedAway
  names.delete(from)
  names.set(from, { kept, at: ctx.clock.now() })
  const [oldest] = names.keys()
  if (names.size > MOST && oldest !== undefined) names.delete(oldest)
}

/** A new file, its metadata stamped: under a name that was renamed away a moment ago it is that file being saved. */
export function newlyMade(ctx: FsContext, node: Node): void {
  if (isDir(node)) return
  ctx.keeping.made.add(node)
  const left = ctx.keeping.movedAway.get(node.key)
  if (!left) return
  ctx.keeping.movedAway.delete(node.key)
  if (ctx.clock.now() - left.at < SAVING) node.meta = { ...node.meta!, kept: left.kept }
}

/** Whether it looks like a file being saved: made here, and changed just now. One that lay about keeps its own rule. */
function takesOver(ctx: FsContext, node: Node): node is FileNode {
  if (isDir(node) || !ctx.keeping.made.has(node) || node.meta?.kept) return false
  const changed = Number(node.ctime / 1_000_000n)
  return ctx.store.features.acl && ctx.wall.now() - changed < JUST_NOW
}
