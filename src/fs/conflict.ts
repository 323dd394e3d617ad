/**
 * Two writers of one key: the newer remote version stays, ours is kept beside it. A conflict with our own earlier
 * request, whose reply was lost, is recognised and is none.
 */
import type { StoreError } from '../core/errors.ts'
import type { Desired, StoredState } from '../core/state.ts'
import type { Key, ObjectVersion, Range } from '../core/types.ts'
import { ifThere } from '../store/if-there.ts'
import type { ObjectHead } from '../store/store.ts'
import type { ConflictEnd } from '../writeback/options.ts'
import { namesOf } from '../core/key-name.ts'
import { sourceOf } from '../writeback/plan.ts'
import { sameUser } from '../writeback/sent-marks.ts'
import { holesOf } from '../writeback/staged-read.ts'
import { changeOf, commit } from './commit.ts'
import type { FsContext } from './context.ts'
import { adoptVersion, seeFile } from './listing.ts'
import { isDir, type DirNode, type FileNode, type Node } from './node.ts'
import { forgo, noteMissing, rangesText, salvage } from './salvage.ts'
import { attach, keyFor } from './tree.ts'

/** A server that refuses a version and shows it all the same is believed in the end. */
const MOST_RETRIES = 8

/** See `WriteBackEvents.conflict`. Rejects with StoreError. */
export async function resolveConflict(
  ctx: FsContext,
  key: Key,
  error: StoreError,
): Promise<ConflictEnd> {
  const head = await ifThere(ctx.store.head(key))
  const ours = head !== undefined && (await ctx.writeBack.isOurs(head))
  const state = ctx.writeBack.get(key)
  if (!state) return 'ours'
  const node = ctx.unsettled.get(key)
  const before = sourceOf(state.desired)?.etag
  let gone = await lacksSource(ctx, key, head, state.desired)
  // At any await: a request of our own that made a new version of the source may have ended. It comes from that now.
  const isOther = () => ctx.writeBack.get(key) !== state || sourceOf(state.desired)?.etag !== before
  if (isOther() || (gone && (await sourceMoved(ctx, key))) || isOther()) return 'ours'
  const made = ours && (sourceOf(state.desired)?.key === key || isMade(ctx, head))
  if (gone && !made && node && !isDir(node) && node.parent && node.content.is === 'staged') {
    const lost = await salvage(ctx, node)
    if (isOther() || ctx.unsettled.get(key) !== node) return 'ours'
    if (lost.length > 0) {
      keepBoth(ctx, node, head, error, lost)
      return 'kept'
    }
    gone = false
  }
  if (!head) {
    // Theirs is gone again: ours may go in its place, unless it was to be made from what is gone.
    ctx.writeBack.learn(key, { is: 'absent' })
    return gone ? 'stuck' : 'ours'
  }
  const { etag, size } = head
  const version = { key, etag, size }
  const source = sourceOf(state.desired)
  const same = source?.key === key && source.etag === etag
  const { stored } = state
  const missing = error.kind === 'not-found' || (!gone && state.failures < MOST_RETRIES)
  if (missing && stored.is === 'version' && stored.etag === etag && !ours) {
    // Nobody wrote it: what was missing was the upload or the source of what it was to be before it was changed here.
    ctx.writeBack.learn(key, stored)
    return gone ? 'stuck' : 'ours'
  }
  if (ours || same || (node && isDir(node))) {
    takeOver(ctx, head, gone, node)
    return 'ours'
  }
  if (!node || isDir(node) || !node.parent) {
    // Deleted here and written anew elsewhere: what is new is not what was deleted.
    ctx.log.warn('not deleted: it was written elsewhere', { key })
    yieldTo(ctx, version)
    return 'kept'
  }
  if (source?.key === key && node.content.is === 'stored') {
    // Only attributes were changed, of bytes that are not there any more.
    ctx.log.warn('attributes not changed: it was written elsewhere', { key })
    yieldTo(ctx, version)
    ctx.unsettled.delete(key)
    node.metaDirty = false
    adoptVersion(ctx, node, head)
    return 'kept'
  }
  keepBoth(ctx, node, head, error)
  return 'kept'
}

/** Whether bytes are still to come from a version that the bucket does not hold any more. Rejects with StoreError. */
async function lacksSource(
  ctx: FsContext,
  key: Key,
  head: ObjectHead | undefined,
  desired: Desired,
): Promise<boolean> {
  const source = sourceOf(desired)
  if (!source || desired.is === 'absent') return false
  if (desired.content.from === 'stage') {
    const stage = ctx.staged.find(desired.content.stage)?.stage
    if (stage && holesOf(stage).length === 0) return false
  }
  const there = source.key === key ? head : await ifThere(ctx.store.head(source.key))
  return there?.etag !== source.etag
}

/**
 * Whether the version that a key's content was to come from was replaced by a request of our own under its old name,
 * whose reply was lost: it comes from the new one from now on. Rejects with StoreError.
 */
async function sourceMoved(ctx: FsContext, key: Key): Promise<boolean> {
  const desired = ctx.writeBack.get(key)?.desired
  const source = desired && sourceOf(desired)
  if (!source || source.key === key || !ctx.writeBack.get(source.key)?.sending) return false
  const head = await ifThere(ctx.store.head(source.key))
  if (!head || head.etag === source.etag || !(await ctx.writeBack.isOurs(head))) return false
  if (!ctx.writeBack.get(source.key)?.sending) return false
  ctx.writeBack.took({ key: source.key, etag: head.etag, size: head.size }, false)
  const now = ctx.writeBack.get(key)?.desired
  return now !== undefined && sourceOf(now)?.etag === head.etag
}

/**
 * Whether a version that our own request made is what is desired now, where what it was to be made from is gone: a copy
 * was made then; a changed file's metadata, with its time to the nanosecond, and its size tell.
 */
function isMade(ctx: FsContext, head: ObjectHead): boolean {
  const desired = ctx.writeBack.get(head.key)?.desired
  if (desired?.is !== 'present') return false
  const { content, meta } = desired
  if (content.from !== 'stage') return content.from === 'stored'
  const size = ctx.staged.find(content.stage)?.stage.size
  const user = meta?.user ?? {}
  return size === head.size && user['mtime'] !== undefined && sameUser(user, head.meta)
}

/** Our own request made the version: the record goes on from it, and a node whose bytes are in it is of it. */
function takeOver(ctx: FsContext, head: ObjectHead, gone: boolean, node: Node | undefined): void {
  const { key, etag, size } = head
  const version = { key, etag, size }
  const made = gone && isMade(ctx, head)
  ctx.writeBack.took(version, made)
  if (node && !isDir(node) && node.content.is === 'stored') {
    if (made || node.content.version.key === key) node.content = { is: 'stored', version }
  }
  if (ctx.writeBack.get(key)) return
  // Nothing is left to be sent.
  ctx.recent.settled(key, true)
  ctx.unsettled.delete(key)
  if (node) Object.assign(node, { metaDirty: false, seenAt: ctx.clock.now() })
}

/**
 * Whether the version that a file's bytes were read from was replaced by a request of our own, whose reply is still
 * to come or was lost: they can be read from the new one then. Rejects with StoreError.
 */
export async function recognise(ctx: FsContext, node: FileNode): Promise<boolean> {
  const { key } = node
  if (await sourceMoved(ctx, key)) return true
  if (!ctx.writeBack.get(key)?.sending) return false
  const head = await ifThere(ctx.store.head(key))
  if (!head || !(await ctx.writeBack.isOurs(head))) return false
  const state = ctx.writeBack.get(key)
  if (!state || ctx.unsettled.get(key) !== node) return true
  const gone = await lacksSource(ctx, key, head, state.desired)
  if (ctx.writeBack.get(key) !== state) return true
  takeOver(ctx, head, gone, node)
  return true
}

/** The key stays as it was found. */
function yieldTo(ctx: FsContext, version: ObjectVersion): void {
  const { key, etag, size } = version
  const stored: StoredState = { is: 'version', etag, size }
  const desired: Desired = { is: 'present', content: { from: 'stored', source: version } }
  ctx.writeBack.change([{ key, desired, stored }])
  ctx.writeBack.learn(key, stored)
}

/**
 * Ours goes on under another name; the old name shows theirs, or nothing where they removed it. One commit. `lost`: what
 * of ours is nowhere any more.
 */
function keepBoth(
  ctx: FsContext,
  node: FileNode,
  head: ObjectHead | undefined,
  error: StoreError,
  lost: readonly Range[] = [],
): void {
  const { parent, name, key: oldKey, meta, metaDirty } = node
  if (!parent) return
  const other = conflictName(ctx, node, parent)
  node.key = keyFor(ctx, parent, other, 'file')
  const missing = rangesText(lost)
  if (missing !== '') noteMissing(ctx, node, missing)
  const theirs = head && { key: oldKey, etag: head.etag, size: head.size }
  const stored: StoredState = theirs ? { is: 'version', ...theirs } : { is: 'absent' }
  const desired: Desired = theirs
    ? { is: 'present', content: { from: 'stored', source: theirs } }
    : { is: 'absent' }
  try {
    const ours = changeOf(node, { is: 'absent' })
    commit(ctx, [ours, { key: oldKey, desired, stored }], [node])
  } catch (thrown) {
    Object.assign(node, { key: oldKey, meta, metaDirty })
    throw thrown
  }
  ctx.writeBack.learn(oldKey, stored)
  ctx.unsettled.delete(oldKey)
  parent.children.delete(name)
  attach(ctx, parent, other, node)
  if (head) seeFile(ctx, parent, name, head)
  node.keptAside += 1
  const path = `/${namesOf(node.key, 'file').join('/')}`
  ctx.conflicts.push(
    missing === '' ? path : `${path} (these bytes are lost, and zeros: ${missing})`,
  )
  ctx.log.warn('conflict: both versions are kept', {
    key: oldKey,
    ours: node.key,
    ...(missing === '' ? {} : { lost: missing }),
    cause: error.message,
  })
  if (lost.length > 0) forgo(node)
}

/** A name that is free beside the file. */
function conflictName(ctx: FsContext, { name }: FileNode, parent: DirNode): string {
  const stamp = new Date(ctx.wall.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const first = `${name}.conflict-${ctx.options.host}-${stamp}`
  let other = first
  for (let count = 2; parent.children.has(other); count++) other = `${first}-${count}`
  return other
}
