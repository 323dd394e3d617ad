/**
 * rename(2): a new desired state for the new keys and for the old ones, in one commit. Nothing is sent here; a file
 * that never reached the bucket travels once, under its last name.
 */
import { contentTypeOf } from '../core/content-type.ts'
import { FsError } from '../core/errors.ts'
import { tellsTime } from '../core/metadata.ts'
import type { StoredState } from '../core/state.ts'
import type { Key } from '../core/types.ts'
import type { Change } from '../writeback/writeback.ts'
import { loadMeta } from './attributes.ts'
import { checkNoBucket } from './buckets.ts'
import {
  ABSENT,
  changeOf,
  commit,
  emptiedBy,
  goneOf,
  markersFor,
  stampMeta,
  storedOf,
} from './commit.ts'
import type { FsContext } from './context.ts'
import { nowNs } from './context.ts'
import { checkTwinName, child, existing } from './find.ts'
import { loadReplaced, movedAway, sendNote, takeOver } from './kept.ts'
import { loadDir, loadTree } from './listing.ts'
import { isDir, type DirNode, type FileNode, type Node } from './node.ts'
import { withoutStandIns } from './stand-ins.ts'
import { attach, below, detach, freeTwin, keyFor, presentName, touchDir } from './tree.ts'

export interface Place {
  readonly dir: DirNode
  readonly name: string
}

export async function rename(
  ctx: FsContext,
  { dir, name }: Place,
  to: Place,
  noReplace: boolean,
): Promise<void> {
  const node = await existing(ctx, dir, name)
  const target = await child(ctx, to.dir, to.name)
  if (target === node) return
  checkNoBucket(ctx, dir, `${name} cannot be renamed`)
  checkNoBucket(ctx, to.dir, to.name)
  if (target && noReplace) throw new FsError('EEXIST', `${to.name} exists`)
  checkKinds(node, target, to)
  await checkTwinName(ctx, to.dir, to.name)
  if (target && isDir(target)) {
    await loadDir(ctx, target)
    if (target.children.size > 0) throw new FsError('ENOTEMPTY', `${to.name} is not empty`)
  }
  if (isDir(node)) {
    await loadTree(ctx, node)
    await loadMarkers(ctx, node)
  }
  await loadReplaced(ctx, node, target)
  // From here on nothing is awaited: it happens whole.
  const from = { dir, name: presentName(dir, name) }
  if (from.dir.children.get(from.name) !== node) throw new FsError('ENOENT', from.name)
  if (to.dir.children.get(to.name) !== target) throw new FsError('EAGAIN', to.name)
  if (to.dir !== ctx.root && !to.dir.parent) throw new FsError('ENOENT', 'the directory is gone')
  if (isDir(node)) renameDir(ctx, node, target, from, to)
  else renameFile(ctx, node, target, from, to)
  node.ctime = nowNs(ctx)
  touchDir(ctx, from.dir)
  touchDir(ctx, to.dir)
}

/** What the markers below say, which the new ones will have. */
async function loadMarkers(ctx: FsContext, top: DirNode): Promise<void> {
  const marked = [...below(top)].filter(one => isDir(one) && isMarked(one))
  await Promise.all(marked.map(one => loadMeta(ctx, one)))
}

/** Something is in the bucket for the directory itself. */
function isMarked({ marker, standIns }: DirNode): boolean {
  return marker === 'present' || standIns.length > 0
}

function checkKinds(node: Node, target: Node | undefined, to: Place): void {
  if (isDir(node)) {
    for (let at: DirNode | undefined = to.dir; at; at = at.parent) {
      if (at === node) throw new FsError('EINVAL', 'a directory cannot be moved into itself')
    }
    if (target && !isDir(target)) throw new FsError('ENOTDIR', `${to.name} is not a directory`)
  } else if (target && isDir(target)) throw new FsError('EISDIR', `${to.name} is a directory`)
}

function renameFile(
  ctx: FsContext,
  node: FileNode,
  target: Node | undefined,
  from: Place,
  to: Place,
): void {
  const key = keyFor(ctx, to.dir, to.name, 'file')
  const before = { key: node.key, meta: node.meta, metaDirty: node.metaDirty }
  const gone = goneOf(ctx, from.dir, node)
  retype(node, from.name, to.name)
  movedAway(ctx, node, node.key)
  takeOver(ctx, node, target)
  node.key = key
  const stored: StoredState = target ? storedOf(target) : { is: 'absent' }
  const kept = from.dir === to.dir ? [] : emptiedBy(ctx, from.dir, node)
  try {
    commit(ctx, [changeOf(node, stored), gone, ...markersFor(kept)], [from.dir, ...kept])
  } catch (error) {
    Object.assign(node, before)
    throw error
  }
  move(ctx, node, from, to)
  if (ctx.unsettled.get(before.key) === node) ctx.unsettled.delete(before.key)
  if (ctx.writeBack.get(key)) ctx.unsettled.set(key, node)
}

/** A content type that was guessed from a temporary name is guessed again from the final one. */
function retype(node: FileNode, before: string, after: string): void {
  if (!node.meta || (node.content.is === 'stored' && !node.metaDirty)) return
  if (node.meta.contentType !== contentTypeOf(before)) return
  const guessed = contentTypeOf(after)
  const { contentType: _, ...rest } = node.meta
  node.meta = guessed === undefined ? rest : { ...rest, contentType: guessed }
}

function move(ctx: FsContext, node: Node, from: Place, to: Place): void {
  if (from.dir.children.get(from.name) === node) from.dir.children.delete(from.name)
  const old = to.dir.children.get(to.name)
  if (old) detach(ctx, old)
  attach(ctx, to.dir, to.name, node)
}

function renameDir(
  ctx: FsContext,
  node: DirNode,
  target: Node | undefined,
  from: Place,
  to: Place,
): void {
  const top = keyFor(ctx, to.dir, to.name, 'directory')
  const oldTop = node.key
  if (!top.endsWith('/') || !oldTop.endsWith('/')) {
    throw new FsError('EINVAL', 'part of an over-long name cannot be renamed')
  }
  const nodes = [...below(node)]
  const fresh: Change[] = []
  const gone: Change[] = []
  const undo: (() => void)[] = []
  const keep = node.marker !== 'absent' || node.children.size === 0 || ctx.writeBack.get(oldTop)
  const replaced = target && isDir(target) ? target.standIns : []
  for (const one of nodes) {
    const oldKey = one.key
    const newKey = top + oldKey.slice(oldTop.length)
    const marked =
      !isDir(one) ||
      (one === node && keep) ||
      isMarked(one) ||
      ctx.writeBack.get(oldKey)?.desired.is === 'present'
    if (marked) gone.push({ key: oldKey, desired: ABSENT, stored: storedOf(one), open: false })
    if (isDir(one)) gone.push(...withoutStandIns(one))
    one.key = newKey
    undo.push(() => (one.key = oldKey))
    if (!marked) continue
    if (!isDir(one)) sendNote(one)
    else if (one.meta && !tellsTime(one.meta)) {
      const { meta, metaDirty } = one
      undo.push(() => Object.assign(one, { meta, metaDirty }))
      stampMeta(ctx, one)
    }
    const stored: StoredState = one === node && target ? storedOf(target) : { is: 'absent' }
    fresh.push(changeOf(one, stored))
  }
  const kept = from.dir === to.dir ? [] : emptiedBy(ctx, from.dir, node)
  try {
    commit(ctx, [...fresh, ...gone, ...markersFor(kept)], kept)
  } catch (error) {
    for (const back of undo) back()
    throw error
  }
  move(ctx, node, from, to)
  remember(ctx, nodes, oldTop, top)
  node.standIns = replaced
  freeTwin(ctx, from.dir, oldTop)
}

/** The table of unsettled nodes after a directory moved; markers are new objects now. */
function remember(ctx: FsContext, nodes: readonly Node[], oldTop: Key, top: Key): void {
  for (const one of nodes) {
    ctx.unsettled.delete(oldTop + one.key.slice(top.length))
    if (ctx.writeBack.get(one.key)) ctx.unsettled.set(one.key, one)
    if (isDir(one)) {
      one.marker = 'absent'
      one.markerTag = undefined
      one.standIns = []
    }
  }
}
