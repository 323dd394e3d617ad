/** At the start of a mount: the journal's records become nodes, so that every acknowledged change is seen at once. */
import { namesOf } from '../core/key-name.ts'
import type { Desired } from '../core/state.ts'
import { FsError } from '../core/errors.ts'
import { inlineBytes } from '../writeback/executor.ts'
import { applyMeta } from './attributes.ts'
import type { FsContext } from './context.ts'
import { seeDir } from './listing.ts'
import type { DirNode, FileContent } from './node.ts'
import { attach, newFile } from './tree.ts'
import { childKey } from '../core/key-name.ts'

export function restoreNodes(ctx: FsContext): void {
  for (const { key, desired } of ctx.writeBack.all()) {
    if (desired.is === 'absent') continue
    if (key.endsWith('/')) restoreDir(ctx, key, desired)
    else restoreFile(ctx, key, desired)
  }
}

function restoreDir(ctx: FsContext, key: string, desired: Desired & { is: 'present' }): void {
  const dir = dirAt(ctx, namesOf(key, 'directory'))
  dir.marker = 'absent'
  if (desired.meta) applyMeta(ctx, dir, desired.meta)
  dir.metaDirty = true
  ctx.unsettled.set(key, dir)
}

function restoreFile(ctx: FsContext, key: string, desired: Desired & { is: 'present' }): void {
  const names = namesOf(key, 'file')
  const name = names.pop()
  if (name === undefined) return
  const content = contentOf(ctx, key, desired)
  if (!content) return
  const node = newFile(ctx, key, content)
  attach(ctx, dirAt(ctx, names), name, node)
  if (desired.meta) applyMeta(ctx, node, desired.meta)
  // Whom the mount before told what is not known.
  node.toldTime = node.mtime
  node.metaDirty = desired.meta !== undefined
  ctx.unsettled.set(key, node)
}

function contentOf(
  ctx: FsContext,
  key: string,
  { content }: Desired & { is: 'present' },
): FileContent | undefined {
  if (content.from === 'stored') return { is: 'stored', version: content.source }
  if (content.from === 'inline') return { is: 'inline', bytes: inlineBytes(content) }
  try {
    return { is: 'staged', staged: ctx.staged.use(content.stage) }
  } catch (error) {
    if (!(error instanceof FsError)) throw error
    ctx.log.error('a staged file is missing', { key, message: error.message })
    return undefined
  }
}

/** The directory of that path; its listing is still to be asked for. */
function dirAt(ctx: FsContext, names: readonly string[]): DirNode {
  let dir = ctx.root
  for (const name of names) {
    const key = childKey(dir.key, name, 'directory')
    if (key === undefined) throw new FsError('EIO', `${name} stands for no key`)
    dir = seeDir(ctx, dir, name, key)
  }
  return dir
}
