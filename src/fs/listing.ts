/**
 * Listings: from the bucket's pages to a directory's children. What the mount has changed and not sent yet, and what
 * it settled while the listing was on its way, stands above what the listing says.
 */
import { childKey, childName, isTwinName, NAME_MAX } from '../core/key-name.ts'
import type { Key } from '../core/types.ts'
import type { ListedObject, ListPage, ObjectStore } from '../store/store.ts'
import type { FsContext } from './context.ts'
import { isDir, type DirNode, type FileNode } from './node.ts'
import { askTwins, setStandIns, standsFor } from './stand-ins.ts'
import { attach, detach, freeTwin, newDir, newFile } from './tree.ts'

/** What a listing of one directory found. */
export interface Found {
  readonly objects: readonly ListedObject[]
  readonly prefixes: readonly string[]
}

/** Lists one directory whole; `most` pages, then undefined: it is larger. Rejects with StoreError. */
export async function listAll(
  store: ObjectStore,
  prefix: string,
  delimiter: '/' | undefined,
  most = Infinity,
): Promise<Found | undefined> {
  const objects: ListedObject[] = []
  const prefixes: string[] = []
  let token: string | undefined
  for (let pages = 0; ; pages++) {
    if (pages >= most) return undefined
    const page: ListPage = await store.list({
      prefix,
      ...(delimiter ? { delimiter } : {}),
      ...(token === undefined ? {} : { token }),
    })
    for (const object of page.objects) objects.push(object)
    for (const one of page.prefixes) prefixes.push(one)
    if (page.next === undefined) return { objects, prefixes }
    token = page.next
  }
}

/** Whether the directory's children are known and young enough. */
export function isFresh(ctx: FsContext, dir: DirNode): boolean {
  return dir.complete && ctx.clock.now() - dir.listedAt < ctx.options.metadataTtl
}

/** Makes the children complete and fresh. `most` pages: stays incomplete (`large`) when there are more. */
export async function loadDir(ctx: FsContext, dir: DirNode, most = Infinity): Promise<void> {
  while (dir.listing) await dir.listing
  if (isFresh(ctx, dir) || (most < Infinity && dir.large)) return
  dir.listing = load(ctx, dir, most).finally(() => (dir.listing = undefined))
  await dir.listing
}

async function load(ctx: FsContext, dir: DirNode, most: number): Promise<void> {
  const started = ctx.recent.begin()
  const at = ctx.clock.now()
  try {
    const found = await listAll(ctx.store, dir.key, '/', most)
    if (!found) {
      dir.large = true
      return
    }
    await askTwins(ctx, dir, found.objects, found.prefixes)
    const real = await withoutEmptied(ctx, dir, found, started)
    merge(ctx, dir, real, started)
    dir.complete = true
    dir.asked = 0
    dir.large = found.objects.length + found.prefixes.length > 1000
    dir.listedAt = at
  } finally {
    ctx.recent.ended(started)
  }
}

/** Keys and all their ancestors' prefixes for which the mount says so. */
function ancestors(ctx: FsContext, present: boolean, started: number): Set<string> {
  const found = new Set<string>()
  const add = (key: Key) => {
    for (let at = key.indexOf('/'); at >= 0; at = key.indexOf('/', at + 1)) {
      found.add(key.slice(0, at + 1))
    }
  }
  for (const { key, desired } of ctx.writeBack.all()) {
    if ((desired.is === 'present') === present) add(key)
  }
  for (const [key, there] of ctx.recent.all(started)) {
    if (there === present && !ctx.writeBack.get(key)) add(key)
  }
  return found
}

/** Leaves out directories whose every object the mount has deleted and not sent yet. */
async function withoutEmptied(
  ctx: FsContext,
  dir: DirNode,
  found: Found,
  started: number,
): Promise<Found> {
  const empty = new Set<string>()
  const full = new Set<string>()
  for (;;) {
    // More may be removed while one is asked about.
    const doubtful = doubtfulOf(ctx, dir, found, started).find(
      prefix => !empty.has(prefix) && !full.has(prefix),
    )
    if (doubtful === undefined) break
    const isEmpty = await isEmptied(ctx, doubtful, started)
    ;(isEmpty ? empty : full).add(doubtful)
  }
  if (empty.size === 0) return found
  return { objects: found.objects, prefixes: found.prefixes.filter(one => !empty.has(one)) }
}

/** The listed directories that the mount does not know, and has deleted something in. */
function doubtfulOf(ctx: FsContext, dir: DirNode, found: Found, started: number): string[] {
  if (found.prefixes.length === 0) return []
  const gone = ancestors(ctx, false, started)
  return found.prefixes.filter(prefix => {
    if (!gone.has(prefix)) return false
    const name = childName(dir.key, prefix.slice(dir.key.length, -1), 'directory')
    const known = name === undefined ? undefined : dir.children.get(name)
    return !known || !isDir(known)
  })
}

/** Whether the mount has deleted all objects below the prefix that a listing still shows. */
export async function isEmptied(ctx: FsContext, prefix: string, started: number): Promise<boolean> {
  let token: string | undefined
  for (;;) {
    const page = await ctx.store.list({ prefix, ...(token === undefined ? {} : { token }) })
    if (page.objects.some(({ key }) => !isGone(ctx, key, started))) return false
    if (page.next === undefined) return true
    token = page.next
  }
}

/** Whether the mount has deleted the object, whatever a listing begun at `started` says. */
export function isGone(ctx: FsContext, key: Key, started: number): boolean {
  const state = ctx.writeBack.get(key)
  if (state) return state.desired.is === 'absent'
  return ctx.recent.of(key, started) === false
}

interface Entries {
  readonly files: Map<string, ListedObject>
  readonly dirs: Map<string, Key>
  /** By name of the directory. */
  readonly standIns: Map<string, ListedObject[]>
  marker: ListedObject | undefined
}

/** The names that the listed keys have in the directory. */
function entriesOf(
  ctx: FsContext,
  dir: DirNode,
  { objects, prefixes }: Found,
  started: number,
): Entries {
  const entries: Entries = {
    files: new Map(),
    dirs: new Map(),
    standIns: new Map(),
    marker: undefined,
  }
  const segments = new Set<string>()
  for (const prefix of prefixes) {
    const segment = prefix.slice(dir.key.length, -1)
    segments.add(segment)
    const name = childName(dir.key, segment, 'directory')
    const key = name === undefined ? undefined : childKey(dir.key, name, 'directory')
    if (name !== undefined && key !== undefined) entries.dirs.set(name, key)
  }
  const plain = withoutStandIns(ctx, dir, objects, started, (object, { name, key }) => {
    entries.dirs.set(name, key)
    segments.add(key.slice(dir.key.length, -1))
    entries.standIns.set(name, [...(entries.standIns.get(name) ?? []), object])
  })
  for (const object of plain) {
    const segment = object.key.slice(dir.key.length)
    if (segment === '' && dir.key.endsWith('/')) {
      entries.marker = object
      if (object.size === 0) continue
    }
    const name = childName(dir.key, segment, segments.has(segment) ? 'twin' : 'file')
    if (name === undefined) continue
    // The beginning of a segment over 255 bytes is a directory of its own.
    const more = childKey(dir.key, name, 'file') === undefined
    const key = more ? childKey(dir.key, name, 'directory') : undefined
    if (key !== undefined) entries.dirs.set(name, key)
    else if (!more) entries.files.set(name, object)
  }
  return entries
}

/** The objects that are themselves; `found` is told of those that stand for directories. */
function withoutStandIns(
  ctx: FsContext,
  dir: DirNode,
  objects: readonly ListedObject[],
  started: number,
  found: (object: ListedObject, place: { readonly name: string; readonly key: Key }) => void,
): readonly ListedObject[] {
  return objects.filter(object => {
    if (object.size > 0 || ctx.recent.of(object.key, started) !== undefined) return true
    const place = standsFor(ctx, dir, object)
    if (place) found(object, place)
    return place === undefined
  })
}

/** Makes a directory's children what the listing says, below what the mount knows better. Synchronous. */
export function merge(ctx: FsContext, dir: DirNode, found: Found, started: number): void {
  const objects = found.objects.filter(({ key }) => !isEmptiedOverlong(ctx, dir, key, started))
  const { files, dirs, standIns, marker } = entriesOf(ctx, dir, { ...found, objects }, started)
  mergeMarker(ctx, dir, marker, started)
  for (const child of dir.children.values()) {
    if (!isDir(child) && isTwinName(child.name) && !files.has(child.name)) {
      freeTwin(ctx, dir, `${child.key}/`)
    }
  }
  let present: Set<string> | undefined
  const keptDir = (key: Key) => (present ??= ancestors(ctx, true, started)).has(key)
  for (const child of dir.children.values()) {
    const listed = isDir(child) ? dirs.get(child.name) === child.key : files.has(child.name)
    if (listed || (isDir(child) ? keptDir(child.key) : isKnown(ctx, child.key, started))) continue
    if (isDir(child) && child.keptEmpty) continue
    if (isDir(child) && ctx.writeBack.get(child.key)?.desired.is === 'present') continue
    detach(ctx, child)
  }
  for (const [name, key] of dirs) {
    const node = seeDir(ctx, dir, name, key)
    if (node.standIns.length > 0 || standIns.has(name)) {
      setStandIns(node, standIns.get(name) ?? [])
    }
  }
  for (const [name, object] of files) {
    if (ctx.writeBack.get(object.key)) continue
    if (ctx.recent.of(object.key, started) !== undefined) continue
    seeFile(ctx, dir, name, object)
  }
}

/** Whether a listed object would only show a directory for its over-long name that `rmdir` has taken away. */
function isEmptiedOverlong(ctx: FsContext, dir: DirNode, key: Key, started: number): boolean {
  if (key.length - dir.key.length <= NAME_MAX / 3 || !isGone(ctx, key, started)) return false
  const name = childName(dir.key, key.slice(dir.key.length), 'file')
  return name !== undefined && !dir.children.has(name)
}

function isKnown(ctx: FsContext, key: Key, started: number): boolean {
  const state = ctx.writeBack.get(key)
  if (state) return state.desired.is === 'present'
  return ctx.recent.of(key, started) === true
}

function mergeMarker(
  ctx: FsContext,
  dir: DirNode,
  marker: ListedObject | undefined,
  started: number,
): void {
  if (dir.key === '' || ctx.writeBack.get(dir.key)) return
  if (ctx.recent.of(dir.key, started) !== undefined) return
  const changed = marker?.etag !== dir.markerTag?.etag
  dir.marker = marker ? 'present' : 'absent'
  dir.markerTag = marker ? { etag: marker.etag, modified: marker.modified } : undefined
  if (changed && !dir.metaDirty) dir.meta = undefined
}

/** A directory that the bucket has: the node it had, or a new one. */
export function seeDir(ctx: FsContext, parent: DirNode, name: string, key: Key): DirNode {
  const known = parent.children.get(name)
  if (known && isDir(known)) {
    known.seenAt = ctx.clock.now()
    return known
  }
  const node = newDir(ctx, key)
  attach(ctx, parent, name, node)
  return node
}

/** A version of a file that the bucket has: noted in the node it had, or in a new one. */
export function seeFile(
  ctx: FsContext,
  parent: DirNode,
  name: string,
  object: Pick<ListedObject, 'key' | 'etag' | 'size' | 'modified'>,
): FileNode {
  const known = parent.children.get(name)
  if (known && !isDir(known) && !ctx.writeBack.get(known.key)) {
    adoptVersion(ctx, known, object)
    return known
  }
  const { key, etag, size, modified } = object
  const node = newFile(ctx, key, { is: 'stored', version: { key, etag, size } })
  node.modified = modified
  node.mtime = BigInt(Math.trunc(modified)) * 1_000_000n
  node.ctime = node.mtime
  attach(ctx, parent, name, node)
  return node
}

/** The bucket's version for a clean node; a different one than before is a change from elsewhere. */
export function adoptVersion(
  ctx: FsContext,
  node: FileNode,
  { key, etag, size, modified }: Pick<ListedObject, 'key' | 'etag' | 'size' | 'modified'>,
): void {
  node.seenAt = ctx.clock.now()
  const { content } = node
  if (content.is === 'stored' && content.version.etag === etag && content.version.size === size) {
    node.modified = modified
    return
  }
  if (content.is === 'staged') return
  node.content = { is: 'stored', version: { key, etag, size } }
  node.modified = modified
  node.mtime = BigInt(Math.trunc(modified)) * 1_000_000n
  node.ctime = node.mtime
  node.meta = undefined
  node.metaDirty = false
  node.generation += 1
}

/** Loads the directory with all below it: one flat listing. */
export async function loadTree(ctx: FsContext, dir: DirNode): Promise<void> {
  const started = ctx.recent.begin()
  const at = ctx.clock.now()
  try {
    const found = (await listAll(ctx.store, dir.key, undefined))!
    const grouped = () => group(dir.key, found.objects, key => isGone(ctx, key, started))
    for (const { objects, prefixes } of grouped().values()) {
      await askTwins(ctx, dir, objects, prefixes)
    }
    mergeTree(ctx, dir, grouped(), started, at)
  } finally {
    ctx.recent.ended(started)
  }
}

type Grouped = Map<string, { objects: ListedObject[]; prefixes: Set<string> }>

function group(top: Key, objects: readonly ListedObject[], gone: (key: Key) => boolean): Grouped {
  const groups: Grouped = new Map()
  const at = (prefix: string) => {
    let entry = groups.get(prefix)
    if (!entry) groups.set(prefix, (entry = { objects: [], prefixes: new Set() }))
    return entry
  }
  at(top)
  for (const object of objects) {
    const { key } = object
    if (gone(key)) continue
    let prefix = top
    for (
      let slash = key.indexOf('/', top.length);
      slash >= 0;
      slash = key.indexOf('/', slash + 1)
    ) {
      const inner = key.slice(0, slash + 1)
      at(prefix).prefixes.add(inner)
      prefix = inner
    }
    at(prefix).objects.push(object)
  }
  return groups
}

function mergeTree(
  ctx: FsContext,
  dir: DirNode,
  groups: Grouped,
  started: number,
  at: number,
): void {
  const found = groups.get(dir.key) ?? { objects: [], prefixes: new Set<string>() }
  merge(ctx, dir, { objects: found.objects, prefixes: [...found.prefixes] }, started)
  dir.complete = true
  dir.listedAt = at
  for (const child of dir.children.values()) {
    if (!isDir(child)) continue
    // Over-long names have directories without a slash: their objects were grouped with the parent's.
    if (!child.key.endsWith('/')) continue
    mergeTree(ctx, child, groups, started, at)
  }
}
