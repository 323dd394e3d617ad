/** Finding a name in a directory: from memory where it is fresh, else by a listing, else by asking for the one name. */
import { childKey, childName, isTwinName } from '../core/key-name.ts'
import { FOLDER } from '../core/metadata.ts'
import { FsError } from '../core/errors.ts'
import type { Key } from '../core/types.ts'
import { ifThere } from '../store/if-there.ts'
import type { ListPage, ObjectHead } from '../store/store.ts'
import { applyHead } from './attributes.ts'
import type { FsContext } from './context.ts'
import { isEmptied, isFresh, isGone, loadDir, seeDir, seeFile } from './listing.ts'
import { isDir, type DirNode, type Node } from './node.ts'
import { setStandIns, standsFor } from './stand-ins.ts'
import { detach, presentName } from './tree.ts'

/** The node of that name, or undefined. Rejects with StoreError or FsError. */
export async function child(ctx: FsContext, dir: DirNode, name: string): Promise<Node | undefined> {
  const known = dir.children.get(name)
  if (known && isCurrent(ctx, known)) return known
  if (isFresh(ctx, dir)) return known
  const whole = dir.large && isWorthListing(dir)
  if (!dir.large || dir.listing || whole) {
    await loadDir(ctx, dir, whole ? Infinity : 1)
    if (isFresh(ctx, dir)) return dir.children.get(name)
  }
  dir.asked += 1
  return askFor(ctx, dir, name)
}

/** A name asked for costs two requests, a listing one for a thousand names: a program that walks through gets it. */
function isWorthListing({ complete, asked, children }: DirNode): boolean {
  return complete && asked >= 16 + children.size / 500
}

/** The same, also by a file's former name; rejects ENOENT. */
export async function existing(ctx: FsContext, dir: DirNode, name: string): Promise<Node> {
  const node = await child(ctx, dir, presentName(dir, name))
  if (!node) throw new FsError('ENOENT', `${name} does not exist`)
  return node
}

/** Throws EINVAL for the name of a file beside a directory where there is no such directory. */
export async function checkTwinName(ctx: FsContext, dir: DirNode, name: string): Promise<void> {
  const key = isTwinName(name) ? childKey(dir.key, name, 'file') : undefined
  if (key === undefined) return
  const plain = childName(dir.key, key.slice(dir.key.length), 'directory')
  const beside = plain === undefined ? undefined : await child(ctx, dir, plain)
  if (!beside || !isDir(beside)) throw new FsError('EINVAL', `${name}: there is no such directory`)
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
    const [head, below, ...standing] = await Promise.all([
      fileKey === undefined ? undefined : ifThere(ctx.heads.get(fileKey)),
      dirKey === undefined ? undefined : ctx.store.list({ prefix: dirKey, limit: 1 }),
      ...foldersOf(dir.children.get(name)).map(key => ifThere(ctx.heads.get(key))),
    ])
    const isThere = dirKey !== undefined && (await hasObjects(ctx, dirKey, below, started))
    const known = dir.children.get(name)
    const standIns = [head, ...standing].filter(one => one && isStandIn(ctx, dir, one, started))
    if (dirKey !== undefined && (isThere || standIns.length > 0)) {
      const node = seeDir(ctx, dir, name, dirKey)
      setStandIns(node, standIns as ObjectHead[])
      return node
    }
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

/** Hadoop's objects for a known directory: no question about its own name tells of them. */
function foldersOf(known: Node | undefined): readonly Key[] {
  if (!known || !isDir(known)) return []
  return known.standIns.map(({ key }) => key).filter(key => key.endsWith(FOLDER))
}

function isStandIn(ctx: FsContext, dir: DirNode, head: ObjectHead, started: number): boolean {
  const { contentType } = head.meta
  const listed = contentType === undefined ? head : { ...head, contentType }
  return ctx.recent.of(head.key, started) === undefined && !!standsFor(ctx, dir, listed)
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
