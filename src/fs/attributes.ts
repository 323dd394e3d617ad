/** Modes, owners, times and kinds: from an object's metadata to the node, with as few HEADs as can be. */
import { FOLDER, readAttributes } from '../core/metadata.ts'
import { FsError, StoreError } from '../core/errors.ts'
import { isFileBySize } from '../core/posix.ts'
import { ifThere } from '../store/if-there.ts'
import type { ObjectHead } from '../store/store.ts'
import type { Milliseconds, ObjectMeta, ObjectVersion } from '../core/types.ts'
import type { FsContext } from './context.ts'
import { opens, question } from './habit.ts'
import { adoptVersion } from './listing.ts'
import { isDir, sizeOf, type DirNode, type FileNode, type Node } from './node.ts'
import { detach } from './tree.ts'

const STICKY = 0o1000

/** Sets the node's attributes from its metadata. */
export function applyMeta(ctx: FsContext, node: Node, meta: ObjectMeta): void {
  const size = isDir(node) ? 0 : sizeOf(node)
  const modified = isDir(node) ? modifiedOf(ctx, node) : node.modified
  const key = isDir(node) ? `${node.key.replace(/\/$/, '')}/` : node.key
  const read = readAttributes({ meta, key, size, modified }, ctx.options.defaults)
  node.meta = meta
  node.perm = read.perm
  node.uid = read.uid
  node.gid = read.gid
  node.mtime = read.mtime
  node.ctime = read.mtime
  if (isDir(node)) return
  node.kind = read.kind === 'directory' ? 'file' : read.kind
  node.rdev = read.rdev ?? 0
}

function modifiedOf(ctx: FsContext, { markerTag, standIns }: DirNode): Milliseconds {
  return markerTag?.modified ?? standIns[0]?.modified ?? ctx.wall.now()
}

/** What the bucket says of a clean file now. */
export function applyHead(ctx: FsContext, node: FileNode, head: ObjectHead): void {
  adoptVersion(ctx, node, head)
  if (ctx.writeBack.get(node.key)) return
  ctx.metaCache.set(head.key, head.etag, head.modified, head.meta)
  if (!node.meta) applyMeta(ctx, node, head.meta)
}

/** Makes sure that the node's metadata is known, whatever the option says. Rejects ENOENT when the object is gone. */
export async function loadMeta(ctx: FsContext, node: Node): Promise<ObjectMeta> {
  if (node.meta) return node.meta
  if (isDir(node)) await loadDirMeta(ctx, node)
  else await loadFileMeta(ctx, node)
  return node.meta ?? { user: {} }
}

/** Attributes for a stat: as `loadMeta`, but for nothing with `--attributes=listing`. */
export async function loadAttributes(ctx: FsContext, node: Node): Promise<void> {
  if (node.meta || ctx.options.attributes === 'listing') return
  await loadMeta(ctx, node)
}

/** Whether a stat's attributes are known; those in the cache are taken from there. */
export function attributesAtHand(ctx: FsContext, node: Node): boolean {
  if (node.meta || ctx.options.attributes === 'listing') return true
  return isDir(node) ? dirMetaAtHand(ctx, node) : fileMetaAtHand(ctx, node)
}

/** Whether a look-up may leave the attributes out: it is a file in any case, and they may not be asked for next. */
export function isKindEnough(ctx: FsContext, node: Node): boolean {
  if (isDir(node) || !node.parent || !isFileBySize(sizeOf(node))) return false
  // In such a directory the kernel asks whose a file is before it takes the name away.
  if ((node.parent.perm & STICKY) !== 0) return false
  return !opens(node.parent.habit) && !attributesAtHand(ctx, node)
}

function fileMetaAtHand(ctx: FsContext, node: FileNode): boolean {
  const { content } = node
  if (content.is !== 'stored') return true
  const { key, etag } = content.version
  const cached = ctx.metaCache.get(key, etag, node.modified)
  if (cached) applyMeta(ctx, node, cached)
  return cached !== undefined
}

function dirMetaAtHand(ctx: FsContext, dir: DirNode): boolean {
  if (dir === ctx.root || !dir.key.endsWith('/')) {
    dir.meta = { user: {} }
    return true
  }
  if (dir.marker === 'absent') return standInAtHand(ctx, dir)
  const { markerTag } = dir
  const cached = markerTag && ctx.metaCache.get(dir.key, markerTag.etag, markerTag.modified)
  if (cached) applyMeta(ctx, dir, cached)
  return cached !== undefined
}

async function loadFileMeta(ctx: FsContext, node: FileNode): Promise<void> {
  const { content } = node
  if (fileMetaAtHand(ctx, node) || content.is !== 'stored') return
  const { key, etag } = content.version
  try {
    const head = await ask(ctx, node, content.version)
    if (node.meta) return
    // It was sent, copied or replaced meanwhile.
    if (node.content !== content) return void (await loadMeta(ctx, node))
    if (key === node.key) applyHead(ctx, node, head)
    else if (head.etag === etag) applyMeta(ctx, node, head.meta)
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'not-found') throw error
    if (node.content !== content) return void (await loadMeta(ctx, node))
    const state = ctx.writeBack.get(node.key)
    // What it was to be made from is gone for good: it can be looked at, and removed.
    if (state?.parked) return applyMeta(ctx, node, { user: {} })
    if (!state) detach(ctx, node)
    throw new FsError('ENOENT', `${key} is gone from the bucket`, error)
  }
}

async function loadDirMeta(ctx: FsContext, dir: DirNode): Promise<void> {
  if (dirMetaAtHand(ctx, dir)) return
  if (dir.marker === 'absent') return loadStandIn(ctx, dir)
  try {
    const head = await ctx.heads.get(dir.key)
    if (dir.meta) return
    dir.marker = 'present'
    dir.markerTag = { etag: head.etag, modified: head.modified }
    ctx.metaCache.set(dir.key, head.etag, head.modified, head.meta)
    applyMeta(ctx, dir, head.meta)
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'not-found') throw error
    if (dir.meta) return
    dir.marker = 'absent'
    await loadStandIn(ctx, dir)
  }
}

/** Of a directory without a marker: what stands for it has its attributes, if anything. */
async function loadStandIn(ctx: FsContext, dir: DirNode): Promise<void> {
  const found = spokesman(dir)
  if (standInAtHand(ctx, dir) || !found) return
  const head = await ifThere(ctx.heads.get(found.key))
  if (!dir.meta) applyMeta(ctx, dir, head?.meta ?? { user: {} })
}

function standInAtHand(ctx: FsContext, dir: DirNode): boolean {
  const found = spokesman(dir)
  const cached = found && ctx.metaCache.get(found.key, found.etag, found.modified)
  if (cached) applyMeta(ctx, dir, cached)
  else if (!found) dir.meta = { user: {} }
  return dir.meta !== undefined
}

/** Of those that stand for a directory the one that may have attributes: Hadoop's have none. */
function spokesman({ standIns }: DirNode) {
  return standIns.find(({ key }) => !key.endsWith(FOLDER)) ?? standIns[0]
}

/** The head of a file's object, by the question that suits what the program does with the directory. */
async function ask(ctx: FsContext, node: FileNode, version: ObjectVersion): Promise<ObjectHead> {
  const { parent } = node
  const how = parent && version.key === node.key ? question(parent.habit, version.size) : 'head'
  if (how === 'first-bytes') {
    const head = await ctx.reader.revalidate(version.key, undefined)
    node.answeredAt = ctx.clock.now()
    return head
  }
  if (how === 'head-and-ahead' && parent) askAhead(ctx, parent)
  return ctx.heads.get(version.key)
}

function askAhead(ctx: FsContext, dir: DirNode): void {
  const versions = []
  for (const child of dir.children.values()) {
    if (isDir(child) || child.meta || child.content.is !== 'stored') continue
    const { key, etag } = child.content.version
    versions.push({ key, etag, modified: child.modified })
  }
  ctx.heads.start(versions)
}
