/**
 * Directories that other programs keep as empty objects without a trailing slash: `NAME_$folder$` (Hadoop's s3n), and
 * `NAME` with a directory's content type or mode (old s3fs, the swift tool, rclone on Swift). The object is no name of
 * its own: it stands for the directory NAME, beside a marker `NAME/` and keys below, or alone.
 *
 * What a listing tells by itself (the name; on Swift the type) costs nothing. Else a stand-in is known by its metadata:
 * when somebody looks at the name, from the cache, or by one HEAD where an empty object has the name of a listed
 * directory.
 */
import { isDirectoryType } from '../core/content-type.ts'
import { childKey, childName } from '../core/key-name.ts'
import { FOLDER, readAttributes } from '../core/metadata.ts'
import type { Key, ObjectMeta } from '../core/types.ts'
import type { ListedObject } from '../store/store.ts'
import type { Change } from '../writeback/writeback.ts'
import type { FsContext } from './context.ts'
import { isDir, type DirNode, type FileNode, type Node, type StandIn } from './node.ts'
import { attach, newDir } from './tree.ts'

/** The directory that a listed object stands for: its name and prefix. Undefined for an object that is itself. */
export function standsFor(
  ctx: FsContext,
  dir: DirNode,
  object: ListedObject,
): { readonly name: string; readonly key: Key } | undefined {
  const { key, size } = object
  if (size > 0 || key.length === dir.key.length || ctx.writeBack.get(key)) return undefined
  const segment = key.slice(dir.key.length)
  const folder = segment.endsWith(FOLDER) && segment.length > FOLDER.length
  const named = placeOf(dir, folder ? segment.slice(0, -FOLDER.length) : segment)
  if (!named || folder || isDirectoryType(object.contentType)) return named
  const known = dir.children.get(named.name)
  if (known && isDir(known) && known.standIns.some(one => isSame(one, object))) return named
  const meta = ctx.metaCache.get(key, object.etag, object.modified)
  return meta && isDirectory(ctx, object, meta) ? named : undefined
}

/** Asks for the metadata of empty objects that have the name of a listed directory. Rejects with StoreError. */
export async function askTwins(
  ctx: FsContext,
  dir: DirNode,
  objects: readonly ListedObject[],
  prefixes: Iterable<Key>,
): Promise<void> {
  let names: Set<Key> | undefined
  const wanted: { key: Key; etag: string; modified: number }[] = []
  for (const { key, size, etag, modified, contentType } of objects) {
    // Swift's listing has the type.
    if (size > 0 || contentType !== undefined || ctx.writeBack.get(key)) continue
    names ??= new Set(prefixes)
    if (!names.has(`${key}/`) || ctx.metaCache.get(key, etag, modified)) continue
    const name = placeOf(dir, key.slice(dir.key.length))?.name
    const known = name === undefined ? undefined : dir.children.get(name)
    if (!(known && isDir(known) && known.standIns.some(one => isSame(one, { key, etag }))))
      wanted.push({ key, etag, modified })
  }
  if (wanted.length > 0 && ctx.options.attributes === 'all') await ctx.heads.start(wanted).done
}

/** What stands for the directory, as the bucket says now. */
export function setStandIns(dir: DirNode, found: readonly StandIn[]): void {
  const same =
    found.length === dir.standIns.length &&
    found.every(one => dir.standIns.some(other => isSame(other, one)))
  if (!same && dir.marker !== 'present' && !dir.metaDirty) dir.meta = undefined
  dir.standIns = found.map(({ key, etag, modified }) => ({ key, etag, modified }))
}

function placeOf(dir: DirNode, segment: string) {
  const name = childName(dir.key, segment, 'directory')
  const key = name === undefined ? undefined : childKey(dir.key, name, 'directory')
  return name === undefined || !key?.endsWith('/') ? undefined : { name, key }
}

function isSame(one: StandIn, { key, etag }: Pick<StandIn, 'key' | 'etag'>): boolean {
  return one.key === key && one.etag === etag
}

function isDirectory(
  ctx: FsContext,
  { key, size, modified }: Pick<ListedObject, 'key' | 'size' | 'modified'>,
  meta: ObjectMeta,
): boolean {
  return (
    size === 0 &&
    readAttributes({ key, size, modified, meta }, ctx.options.defaults).kind === 'directory'
  )
}

/**
 * The node as its metadata, if that was loaded, makes it: a clean empty file that stands for a directory becomes that
 * directory, with a number of its own.
 */
export function asItIs(ctx: FsContext, node: Node): Node {
  if (isDir(node) || !node.meta || !node.parent || node.opens > 0) return node
  const { content, parent, meta, modified } = node
  if (content.is !== 'stored' || content.version.size > 0 || ctx.writeBack.get(node.key))
    return node
  const { key } = content.version
  if (key !== node.key || !isDirectory(ctx, { key, size: 0, modified }, meta)) return node
  const place = placeOf(parent, key.slice(parent.key.length))
  return place ? becomeDir(ctx, node, parent, place) : node
}

function becomeDir(
  ctx: FsContext,
  node: FileNode,
  parent: DirNode,
  place: { readonly name: string; readonly key: Key },
): DirNode {
  const known = parent.children.get(place.name)
  const dir = known && isDir(known) ? known : newDir(ctx, place.key)
  const { key, modified, name } = node
  if (node.content.is === 'stored') {
    dir.standIns = [...dir.standIns, { key, etag: node.content.version.etag, modified }]
  }
  if (dir !== known) {
    const { perm, uid, gid, mtime, ctime, meta } = node
    Object.assign(dir, { perm, uid, gid, mtime, ctime, meta })
  }
  attach(ctx, parent, place.name, dir)
  if (name !== place.name) parent.children.delete(name)
  return dir
}

/** The changes that take a directory's stand-ins away. */
export function withoutStandIns({ standIns }: DirNode): Change[] {
  return standIns.map(({ key, etag }) => ({
    key,
    desired: { is: 'absent' as const },
    stored: { is: 'version' as const, etag, size: 0 },
  }))
}
