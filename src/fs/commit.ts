/** From a node to what the write-back shall make of its key. */
import { contentTypeOf } from '../core/content-type.ts'
import { KEPT_FIELD } from '../core/kept.ts'
import { forNewContent, readAttributes, writeAttributes } from '../core/metadata.ts'
import { FsError } from '../core/errors.ts'
import type { Content, Desired, StoredState } from '../core/state.ts'
import type { Nanoseconds, ObjectMeta } from '../core/types.ts'
import { metaFits } from '../core/user-xattrs.ts'
import { sameMeta } from '../writeback/meta-equal.ts'
import type { Change } from '../writeback/writeback.ts'
import type { FsContext } from './context.ts'
import { isDir, type DirNode, type FileNode, type Node } from './node.ts'

/** A file that was written for longer gets its exact time, whatever that costs. */
const LONGEST_WRITING: Nanoseconds = 600_000_000_000n

export const ABSENT: Desired = { is: 'absent' }

/** The record of the node as it is now. */
export function desiredOf(node: Node): Desired {
  if (isDir(node)) {
    return {
      is: 'present',
      content: { from: 'inline', base64: '' },
      meta: node.meta ?? { user: {} },
    }
  }
  const content = contentOf(node)
  const keep = content.from === 'stored' && !node.metaDirty
  return keep
    ? { is: 'present', content }
    : { is: 'present', content, meta: node.meta ?? { user: {} } }
}

function contentOf(node: FileNode): Content {
  const { content } = node
  if (content.is === 'stored') return { from: 'stored', source: content.version }
  if (content.is === 'inline') {
    return { from: 'inline', base64: btoa(String.fromCharCode(...content.bytes)) }
  }
  const { id, stage } = content.staged
  return stage.base ? { from: 'stage', stage: id, base: stage.base } : { from: 'stage', stage: id }
}

/** What the bucket holds under the node's key, for a node without a record. */
export function storedOf(node: Node): StoredState {
  if (isDir(node)) {
    if (node.marker === 'present' && node.markerTag) {
      return { is: 'version', etag: node.markerTag.etag, size: 0 }
    }
    return { is: node.marker === 'absent' ? 'absent' : 'unknown' }
  }
  if (node.content.is === 'stored' && node.content.version.key === node.key) {
    const { etag, size } = node.content.version
    return { is: 'version', etag, size }
  }
  return { is: 'unknown' }
}

/** The change that makes the bucket hold the node as it is. */
export function changeOf(node: Node, stored: StoredState = storedOf(node)): Change {
  const open = !isDir(node) && node.writers > 0
  return { key: node.key, desired: desiredOf(node), stored, open }
}

/** Commits, and notes which nodes have records now. Throws FsError; nothing has changed then. */
export function commit(ctx: FsContext, changes: readonly Change[], present: readonly Node[]): void {
  ctx.writeBack.change(changes)
  for (const node of present) {
    if (ctx.writeBack.get(node.key)) ctx.unsettled.set(node.key, node)
  }
}

/** Puts the node's mode, owner and times into its metadata. The metadata must be loaded. */
export function stampMeta(ctx: FsContext, node: Node): ObjectMeta {
  const { defaults } = ctx.options
  const { kind, perm, uid, gid, mtime } = node
  const rdev = isDir(node) ? 0 : node.rdev
  const before = node.meta ?? freshMeta(ctx, node)
  const user = writeAttributes({ kind, perm, uid, gid, mtime, rdev }, defaults, before.user)
  node.metaDirty = true
  return (node.meta = { ...before, user })
}

/** The metadata of what has none yet: the content type that its name tells. */
export function freshMeta(ctx: FsContext, node: Node): ObjectMeta {
  const contentType = isDir(node) ? ctx.options.directoryType : contentTypeOf(node.name)
  return contentType === undefined ? { user: {} } : { contentType, user: {} }
}

/** New bytes: fields that speak of the old ones go. */
export function metaForNewContent(node: FileNode): void {
  if (node.meta) node.meta = { ...node.meta, user: forNewContent(node.meta.user) }
}

/** Whether the server keeps so much metadata. */
export function fits(ctx: FsContext, meta: ObjectMeta): boolean {
  const user = meta.kept ? { ...meta.user, [KEPT_FIELD]: meta.kept } : meta.user
  return metaFits(user, ctx.store.limits)
}

/** Throws ENOSPC when the metadata is more than the server keeps. */
export function checkMeta(ctx: FsContext, meta: ObjectMeta): void {
  if (fits(ctx, meta)) return
  throw new FsError(
    'ENOSPC',
    `user metadata over the server's limit of ${ctx.store.limits.maxMeta} bytes`,
  )
}

/** The change that takes a child's object away. Where it was its directory's marker too, that becomes an empty one. */
export function goneOf(ctx: FsContext, dir: DirNode, child: Node): Change {
  const stored = storedOf(child)
  if (child.key !== dir.key) return { key: child.key, desired: ABSENT, stored, open: false }
  dir.meta ??= freshMeta(ctx, dir)
  return { ...changeOf(dir, stored), open: false }
}

/**
 * The directory, if any, that needs a marker now to stay in the bucket: without one it would vanish with its last
 * file. `without` is the child that is about to go.
 */
export function emptiedBy(ctx: FsContext, dir: DirNode, without: Node): readonly DirNode[] {
  if (dir === ctx.root || dir.key === '' || !dir.complete) return []
  for (const child of dir.children.values()) if (child !== without) return []
  if (!dir.key.endsWith('/')) {
    dir.keptEmpty = true
    return dir.parent ? emptiedBy(ctx, dir.parent, dir) : []
  }
  if (dir.marker !== 'absent' || dir.standIns.length > 0) return []
  if (ctx.writeBack.get(dir.key)?.desired.is === 'present') return []
  dir.meta ??= freshMeta(ctx, dir)
  return [dir]
}

/** The changes that make their markers. */
export function markersFor(dirs: readonly DirNode[]): readonly Change[] {
  return dirs.map(dir => changeOf(dir, { is: 'absent' }))
}

/** The times of what was written go to the journal: at each close of a descriptor and before an fsync. */
export function commitTimes(ctx: FsContext, node: FileNode): void {
  if (!node.timesDirty) return
  if (node.parent) {
    stampMeta(ctx, node)
    takeBegunTime(ctx, node)
    commit(ctx, [changeOf(node)], [node])
  }
  node.timesDirty = false
}

/**
 * On S3 an upload in parts gives the object the metadata that it was begun with, while the file was written; another
 * time costs a copy of the whole object. So the file takes the time of the beginning over, which is one of its
 * writing, unless a program was told that or a later one: it must see that the file has changed since.
 */
function takeBegunTime(ctx: FsContext, node: FileNode): void {
  const { content, mtime, meta, key } = node
  const staged = content.is === 'staged' ? content.staged : undefined
  const uploaded = staged?.upload?.meta ?? staged?.beginning
  // One whose outcome is not known may have made a version that others have seen.
  if (!uploaded || ctx.store.features.metadataInPlace || ctx.writeBack.get(key)?.sending) return
  const { defaults } = ctx.options
  const begun = readAttributes({ meta: uploaded, key, size: 0, modified: 0 }, defaults).mtime
  if (begun <= node.toldTime || begun > mtime || mtime - begun > LONGEST_WRITING) return
  node.mtime = begun
  stampMeta(ctx, node)
  if (node.meta && sameMeta(node.meta, uploaded)) return
  // It is to be copied anyway.
  node.mtime = mtime
  node.meta = meta
}
