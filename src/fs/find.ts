/** Finding a name in a directory: from memory where it is fresh, else by a listing, else by asking for the one name. */
import { childKey } from '../core/key-name.ts'
import { FsError, StoreError } from '../core/errors.ts'
import type { Key } from '../core/types.ts'
import type { ListPage, ObjectHead } from '../store/store.ts'
import { applyHead } from './attributes.ts'
import type { FsContext } from './context.ts'
import { isEmptied, isFresh, isGone, loadDir, seeDir, seeFile } from './listing.ts'
import { isDir, type DirNode, type Node } from './node.ts'
import { detach } from './tree.ts'

/** The node of that name, or undefined. Rejects with StoreError or FsError. */
export async function child(ctx: FsContext, dir: DirNode, name: string): Promise<Node | undefined> {
  const known = dir.children.get(name)
  if (known && isCurrent(ctx, known)) return known
  if (isFresh(ctx, dir)) return known
  if (!dir.large || dir.listing) {
    await loadDir(ctx, dir, 1)
    if (isFresh(ctx, dir)) return dir.children.get(name)
  }
  return askFor(ctx, dir, name)
}

/** The same, rejecting ENOENT. */
export async function existing(ctx: FsContext, dir: DirNode, name: string): Promise<Node> {
  const node = await child(ctx, dir, name)
  if (!node) throw new FsError('ENOENT', `${name} does not exist`)
  return node
}

function isCurrent(ctx: FsContext, node: Node): boolean {
  if (ctx.writeBack.get(node.key)?.desired.is === 'present') return true
  return ctx.clock.now() - node.seenAt < ctx.options.metadataTtl
}

async function askFor(ctx: FsContext, dir: DirNode, name: string): Promise<Node | undefined> {
  const fileKey = childKey(dir.key, name, 'file')
  const dirKey = childKey(dir.key, name, 'directory')
  const started = ctx.recent.begin()
  try {
    const [head, below] = await Promise.all([
      fileKey === undefined ? undefined : headOrNothing(ctx, fileKey),
      dirKey === undefined ? undefined : ctx.store.list({ prefix: dirKey, limit: 1 }),
    ])
    const isThere = dirKey !== undefined && (await hasObjects(ctx, dirKey, below, started))
    const known = dir.children.get(name)
    if (isThere) return seeDir(ctx, dir, name, dirKey)
    if (known && ctx.writeBack.get(known.key)?.desired.is === 'present') return known
    if (known && isDir(known) && known.keptEmpty) return known
    if (known && ctx.recent.of(known.key, started) === true) return known
    const state = fileKey === undefined ? undefined : ctx.writeBack.get(fileKey)
    const gone = state?.desired.is === 'absent' || ctx.recent.of(fileKey ?? '', started) === false
    if (!head || gone) {
      if (known && !hasUnsettled(ctx, known)) detach(ctx, known)
      return dir.children.get(name)
    }
    const node = seeFile(ctx, dir, name, head)
    applyHead(ctx, node, head)
    return node
  } finally {
    ctx.recent.ended(started)
  }
}

/** Whether a listing shows objects below a prefix that the mount has not deleted. */
async function hasObjects(
  ctx: FsContext,
  prefix: Key,
  below: ListPage | undefined,
  started: number,
): Promise<boolean> {
  const first = below?.objects[0]
  if (!first) return false
  return !isGone(ctx, first.key, started) || !(await isEmptied(ctx, prefix, started))
}

function hasUnsettled(ctx: FsContext, node: Node): boolean {
  if (!isDir(node)) return ctx.unsettled.get(node.key) === node
  if (ctx.unsettled.get(node.key) === node) return true
  for (const one of node.children.values()) if (hasUnsettled(ctx, one)) return true
  return false
}

async function headOrNothing(ctx: FsContext, key: string): Promise<ObjectHead | undefined> {
  try {
    return await ctx.heads.get(key)
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'not-found') return undefined
    throw error
  }
}
