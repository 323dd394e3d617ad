/** A file's bytes: reading them from wherever they are, and changing them in a staged file. */
import { FsError, StoreError } from '../core/errors.ts'
import type { Bytes, ObjectVersion } from '../core/types.ts'
import { advance } from '../core/window.ts'
import { readStaged } from '../writeback/staged-read.ts'
import type { Staged } from '../writeback/staged.ts'
import { loadMeta } from './attributes.ts'
import { recognise } from './conflict.ts'
import { changeOf, commit, commitTimes, metaForNewContent, stampMeta, storedOf } from './commit.ts'
import type { FsContext } from './context.ts'
import { nowNs } from './context.ts'
import type { FileNode } from './node.ts'
import type { FileHandle } from './open.ts'
import { withRoom } from './room.ts'

/** Bytes fetched at once before a small file is changed. */
const STEP: Bytes = 1024 * 1024

/** Objects above this are no file that a JavaScript number can address exactly. */
const LARGEST: Bytes = 2 ** 53 - 1

/** Fills `into`; short only at the end of the file. */
export async function read(
  ctx: FsContext,
  handle: FileHandle,
  into: Uint8Array,
  offset: Bytes,
): Promise<Bytes> {
  return withSource(ctx, handle.node, () => readNow(ctx, handle, into, offset))
}

/** Runs a read of the node's bytes again when the version they came from was replaced by a request of our own. */
export async function withSource<T>(
  ctx: FsContext,
  node: FileNode,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const source = sourceTag(node)
    try {
      return await work()
    } catch (error) {
      const replaced = error instanceof StoreError && ['changed', 'not-found'].includes(error.kind)
      if (!replaced || tries >= 3) throw error
      // Known by now, or still under way or without a reply.
      const known = sourceTag(node) !== source || (await recognise(ctx, node))
      if (!known && sourceTag(node) === source) throw error
    }
  }
}

/** The version that clean bytes are read from. */
function sourceTag({ content }: FileNode): string | undefined {
  const staged = content.is === 'staged' ? content.staged.stage.base : undefined
  const source = content.is === 'stored' ? content.version : staged
  return source && `${source.etag} ${source.key}`
}

async function readNow(
  ctx: FsContext,
  handle: FileHandle,
  into: Uint8Array,
  offset: Bytes,
): Promise<Bytes> {
  const { content, parent, generation } = handle.node
  const former = !parent && handle.version !== undefined && handle.generation !== generation
  if (content.is === 'stored' || former) {
    return readStored(ctx, handle, into, offset)
  }
  if (content.is === 'inline') {
    const bytes = content.bytes.subarray(offset, offset + into.byteLength)
    into.set(bytes)
    return bytes.byteLength
  }
  return withStaged(ctx, content.staged, staged =>
    readStaged(staged.stage, ctx.reader, offset, into),
  )
}

async function readStored(
  ctx: FsContext,
  handle: FileHandle,
  into: Uint8Array,
  offset: Bytes,
): Promise<Bytes> {
  const version = versionFor(handle)
  if (offset >= version.size) return 0
  const limits = ctx.options.readAhead
  const { window, ahead } = advance(handle.window, offset, into.byteLength, version.size, limits)
  handle.window = window
  try {
    return await ctx.reader.read(version, offset, into, ahead)
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'changed') handle.node.seenAt = 0
    throw error
  }
}

/** The node's version, or the handle's own where somebody else replaced the object since. */
function versionFor({ node, version, generation }: FileHandle): ObjectVersion {
  if (node.content.is === 'stored' && (generation === node.generation || !version)) {
    return node.content.version
  }
  if (version) return version
  throw new FsError('ESTALE', `${node.name} was replaced`)
}

/** Keeps the staged file from being removed while `work` uses it. */
async function withStaged<T>(
  ctx: FsContext,
  staged: Staged,
  work: (staged: Staged) => Promise<T>,
): Promise<T> {
  ctx.staged.use(staged.id)
  try {
    return await work(staged)
  } finally {
    ctx.staged.release(staged.id)
  }
}

/** Writes all of `from`; an append goes to the end whatever `offset` says. */
export async function write(
  ctx: FsContext,
  handle: FileHandle,
  from: Uint8Array,
  offset: Bytes,
): Promise<void> {
  const { node, flags } = handle
  const work = async (staged: Staged) => {
    const at = flags.append ? staged.stage.size : offset
    if (at + from.byteLength > LARGEST) throw new FsError('EFBIG', `${node.name} is too large`)
    await staged.write(from, at)
  }
  await withRoom(ctx, node, () => change(ctx, node, work))
  if (node.content.is === 'staged' && node.parent) {
    ctx.writeBack.progress(node.key, node.content.staged, () => commitTimes(ctx, node))
  }
}

export async function truncate(ctx: FsContext, node: FileNode, size: Bytes): Promise<void> {
  if (size > LARGEST) throw new FsError('EFBIG', `${node.name} is too large`)
  if (size === 0 && node.content.is !== 'staged') return empty(ctx, node)
  await withRoom(ctx, node, () => change(ctx, node, staged => staged.truncate(size)))
  ended(ctx, node)
}

/** A change without a handle: nobody will close it. It is done; where its time finds no room, that goes with the next. */
function ended(ctx: FsContext, node: FileNode): void {
  if (!node.parent || node.writers > 0) return
  try {
    commitTimes(ctx, node)
  } catch (error) {
    if (!(error instanceof FsError) || error.errno !== 'ENOSPC') throw error
  }
  ctx.writeBack.rest(node.key)
}

/** Nothing of the old bytes is needed: a staged file without a base. */
async function empty(ctx: FsContext, node: FileNode): Promise<void> {
  await loadMeta(ctx, node)
  if (node.content.is === 'staged') return truncate(ctx, node, 0)
  const staged = ctx.staged.create()
  try {
    replaceContent(ctx, node, staged)
  } catch (error) {
    ctx.staged.release(staged.id)
    throw error
  }
  written(ctx, node)
  ended(ctx, node)
}

/** Runs a change of the staged bytes under its lock, making the file staged first. */
async function change(
  ctx: FsContext,
  node: FileNode,
  work: (staged: Staged) => Promise<void>,
): Promise<void> {
  for (;;) {
    const staged = await stagedOf(ctx, node)
    const done = await withStaged(ctx, staged, () =>
      staged.lock.run(async () => {
        // While waiting for the lock it may have been sent, and the file be clean again.
        if (node.content.is !== 'staged' || node.content.staged !== staged) return false
        await work(staged)
        return true
      }),
    )
    if (!done) continue
    written(ctx, node)
    return
  }
}

function written(ctx: FsContext, node: FileNode): void {
  node.mtime = nowNs(ctx)
  node.ctime = node.mtime
  node.timesDirty = true
}

/** The file's staged bytes; a clean file gets a sparse staged file over its version, in the journal at once. */
async function stagedOf(ctx: FsContext, node: FileNode): Promise<Staged> {
  for (;;) {
    await loadMeta(ctx, node)
    const { content } = node
    if (content.is === 'staged') return content.staged
    const base = content.is === 'stored' && content.version.size > 0 ? content.version : undefined
    const staged = ctx.staged.create(base)
    let used = false
    try {
      if (base && base.size <= ctx.writeBack.wholeLimit) await keepBase(ctx, staged, base)
      if (node.content !== content) continue
      replaceContent(ctx, node, staged)
      used = true
      return staged
    } catch (error) {
      if (node.content !== content) continue
      if (error instanceof StoreError && error.kind === 'changed') node.seenAt = 0
      throw error
    } finally {
      if (!used) ctx.staged.release(staged.id)
    }
  }
}

/**
 * What will travel whole is fetched before the first change: if somebody else replaces the object, there is still all
 * of ours to be kept beside it. Rejects with StoreError.
 */
async function keepBase(ctx: FsContext, { stage }: Staged, base: ObjectVersion): Promise<void> {
  for (let at = 0; at < base.size; at += STEP) {
    const bytes = new Uint8Array(Math.min(STEP, base.size - at))
    await ctx.reader.read(base, at, bytes, undefined)
    // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- a staged file is no array
    await stage.fill(bytes, at)
  }
}

/** The bytes are the staged file's from now on, durably. Throws FsError; nothing has changed then. */
export function replaceContent(ctx: FsContext, node: FileNode, staged: Staged): void {
  const { content, meta, metaDirty } = node
  const stored = storedOf(node)
  node.content = { is: 'staged', staged }
  metaForNewContent(node)
  stampMeta(ctx, node)
  if (!node.parent) return
  try {
    commit(ctx, [changeOf(node, stored)], [node])
  } catch (error) {
    node.content = content
    node.meta = meta
    node.metaDirty = metaDirty
    throw error
  }
}
