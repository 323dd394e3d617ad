/**
 * Whether a file can be given to LMDB, which maps its file and believes it: one that is garbage or cut short kills the
 * process (SIGSEGV, SIGBUS; seen with lmdb 3.5.6). Pure: the bytes are read by the caller.
 *
 * Facts from LMDB's `mdb.c` as lmdb-js builds it for 64-bit little-endian machines. A page begins with its number
 * (64 bits), a transaction (64), 16 bits unused, flags, and the bounds of its free space, which count from the end of
 * this head of 24 bytes. Pages 0 and 1 hold metas; half a page into page 0 is a third one, of the last state that was
 * flushed, written from the map's size on. A meta has, from its start: the magic number (0), the version (4), the roots' descriptions at 24
 * (free pages; its first 32 bits are the page size, then flags) and 72 (main), the last page in use at 120, the
 * transaction at 128, the boot at 136. A description has its root page at 40.
 */

/** Undefined where the file does not go so far. */
export type ReadAt = (at: number, length: number) => Uint8Array | undefined

/** One state of a database. */
export interface LmdbMeta {
  readonly pageSize: number
  readonly transaction: number
  /** Pages that are in use, or free and perhaps beyond the file's end. */
  readonly pages: number
  readonly roots: readonly number[]
  readonly boot: bigint
  /** Not known to be on the disk as a whole. */
  readonly overlapping: boolean
}

export interface LmdbMetas {
  readonly first: LmdbMeta
  readonly second: LmdbMeta
  readonly flushed: LmdbMeta | undefined
}

const MAGIC = 0xbeefc0de
const VERSION = 2
const HEAD = 24
const META = 144
/** Page flags. */
const [BRANCH, LEAF, OVERFLOW, META_PAGE] = [1, 2, 4, 8]
/** Node flags. */
const [BIG, SUB_DATABASE, DUPLICATES] = [1, 2, 4]
/** In a meta's flags: lmdb-js's MDB_OVERLAPPINGSYNC. */
const OVERLAPPING = 0x1000
const ENCRYPTED = 0x2000
/** More bytes than any of ours has: it could not be mapped. */
const LARGEST = 2 ** 40
const NO_PAGE = Number(0xffffffffffffffffn)
/** LMDB's cursors go no deeper. */
const DEEPEST = 32

/** The states that a file tells of; undefined where it is no database. */
export function lmdbMetas(read: ReadAt): LmdbMetas | undefined {
  const pageSize = viewAt(read, 0, HEAD + META)?.getUint32(HEAD + 24, true) ?? 0
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) return undefined
  const [first, second] = [metaAt(read, 0, pageSize), metaAt(read, pageSize, pageSize)]
  const third = viewAt(read, pageSize / 2 + HEAD, META)
  if (!first || !second || !third) return undefined
  if (numberAt(third, 128) === 0) return { first, second, flushed: undefined }
  const flushed = third.getUint32(24, true) === pageSize ? metaOf(third, pageSize) : undefined
  return flushed && { first, second, flushed }
}

/** The newer of the two: what LMDB goes on with, where nothing was said about flushing. */
export function newestOf({ first, second }: LmdbMetas): LmdbMeta {
  return first.transaction >= second.transaction ? first : second
}

/** What lmdb-js goes on with in its default mode: after another boot the last state that was flushed (`mdb_pick_meta`). */
export function restoredOf({ first, second, flushed }: LmdbMetas, boot: bigint): LmdbMeta {
  const pick = (a: LmdbMeta, b: LmdbMeta | undefined): LmdbMeta => {
    if (!b || b.transaction === 0) return a
    const latest = a.transaction >= b.transaction ? a : b
    const sameBoot = latest.boot !== 0n && latest.boot === boot
    if (sameBoot || !latest.overlapping) return latest
    return a.transaction > b.transaction ? b : a
  }
  return pick(pick(first, second), flushed)
}

/** What is wrong with the pages of this state that LMDB may read, all of which are read here; undefined: nothing. */
export function damageOf(read: ReadAt, { pageSize, pages, roots }: LmdbMeta): string | undefined {
  const seen = new Set<number>()
  const todo = roots.map(page => ({ page, depth: 1 }))
  for (let next = todo.pop(); next; next = todo.pop()) {
    const { page, depth } = next
    if (page === NO_PAGE) continue
    if (page < 2 || page >= pages) return `page ${page} is out of range`
    if (seen.has(page) || depth > DEEPEST) return `page ${page} is found twice`
    seen.add(page)
    const view = viewAt(read, page * pageSize, pageSize)
    if (!view) return `page ${page} is beyond the end`
    const children = childrenOf(read, view, page, pages)
    if (!children) return `page ${page} is not what it should be`
    for (const child of children) todo.push({ page: child, depth: depth + 1 })
  }
  return undefined
}

/** The pages that this page of a tree names; undefined where it is none. */
function childrenOf(
  read: ReadAt,
  view: DataView,
  page: number,
  pages: number,
): number[] | undefined {
  const flags = view.getUint16(18, true)
  const [lower, upper] = [view.getUint16(20, true), view.getUint16(22, true)]
  const room = view.byteLength - HEAD
  if (numberAt(view, 0) !== page || lower > upper || upper > room || lower % 2 !== 0)
    return undefined
  if ((flags & (BRANCH | LEAF | OVERFLOW | META_PAGE)) === BRANCH) {
    if (lower === 0) return undefined
  } else if ((flags & (BRANCH | LEAF | OVERFLOW | META_PAGE)) !== LEAF) return undefined
  const children: number[] = []
  for (let at = HEAD; at < HEAD + lower; at += 2) {
    const start = view.getUint16(at, true)
    if (start < upper || start + 8 > room) return undefined
    const node = new DataView(view.buffer, view.byteOffset + HEAD + start, room - start)
    const found =
      (flags & BRANCH) === 0 ? leafNode(read, node, view.byteLength, pages) : branchNode(node)
    if (!found) return undefined
    children.push(...found)
  }
  return children
}

function branchNode(node: DataView): number[] | undefined {
  const [low, high, top] = [0, 2, 4].map(at => node.getUint16(at, true)) as [number, number, number]
  if (8 + node.getUint16(6, true) > node.byteLength) return undefined
  return [low + high * 2 ** 16 + top * 2 ** 32]
}

/** The root of a table in the table, if it is one; what lies on pages of its own is looked at here. */
function leafNode(
  read: ReadAt,
  node: DataView,
  pageSize: number,
  pages: number,
): number[] | undefined {
  const size = node.getUint32(0, true)
  const flags = node.getUint16(4, true)
  const data = 8 + node.getUint16(6, true)
  if (data + ((flags & BIG) === 0 ? size : 24) > node.byteLength) return undefined
  if ((flags & DUPLICATES) !== 0) return undefined
  if ((flags & SUB_DATABASE) !== 0) return size < 48 ? undefined : [numberAt(node, data + 40)]
  if ((flags & BIG) === 0) return []
  const first = numberAt(node, data)
  const count = Math.floor((HEAD - 1 + size) / pageSize) + 1
  if (first < 2 || first + count > pages) return undefined
  const head = viewAt(read, first * pageSize, HEAD)
  const there = read((first + count) * pageSize - 1, 1) !== undefined
  const fits = head && numberAt(head, 0) === first && (head.getUint16(18, true) & OVERFLOW) !== 0
  return fits && there ? [] : undefined
}

function metaAt(read: ReadAt, at: number, pageSize: number): LmdbMeta | undefined {
  const view = viewAt(read, at, HEAD + META)
  if (!view || (view.getUint16(18, true) & META_PAGE) === 0) return undefined
  const meta = new DataView(view.buffer, view.byteOffset + HEAD, META)
  if (meta.getUint32(0, true) !== MAGIC || meta.getUint16(4, true) !== VERSION) return undefined
  return meta.getUint32(24, true) === pageSize ? metaOf(meta, pageSize) : undefined
}

function metaOf(meta: DataView, pageSize: number): LmdbMeta | undefined {
  const pages = numberAt(meta, 120) + 1
  const flags = meta.getUint16(28, true)
  if (pages * pageSize > LARGEST || (flags & ENCRYPTED) !== 0) return undefined
  return {
    pageSize,
    roots: [numberAt(meta, 24 + 40), numberAt(meta, 72 + 40)],
    pages,
    transaction: numberAt(meta, 128),
    boot: meta.getBigInt64(136, true),
    overlapping: (flags & OVERLAPPING) !== 0,
  }
}

function numberAt(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true))
}

function viewAt(read: ReadAt, at: number, length: number): DataView | undefined {
  const bytes = read(at, length)
  return bytes && new DataView(bytes.buffer, bytes.byteOffset, length)
}
