/**
 * Two writers of one key: the newer remote version stays, ours is kept beside it. A conflict with our own earlier
 * request, whose reply was lost, is recognised and is none.
 */
import type { StoreError } from '../core/errors.ts'
import { StoreError as StoreFailure } from '../core/errors.ts'
import type { Desired } from '../core/state.ts'
import type { Key } from '../core/types.ts'
import type { ObjectHead } from '../store/store.ts'
import { changeOf, commit } from './commit.ts'
import type { FsContext } from './context.ts'
import { seeFile } from './listing.ts'
import { isDir, sizeOf, type FileNode } from './node.ts'
import { attach, keyFor } from './tree.ts'

/** Resolves with true when the key's record is right again and can be gone on with. */
export async function resolveConflict(
  ctx: FsContext,
  key: Key,
  error: StoreError,
): Promise<boolean> {
  const head = await find(ctx, key)
  const state = ctx.writeBack.get(key)
  if (!state) return true
  if (!head) {
    // Theirs is gone again: ours may go in its place, unless it was to be made from what is gone.
    ctx.writeBack.learn(key, { is: 'absent' })
    return needsSource(state.desired) !== key
  }
  const { etag, size } = head
  if (state.desired.is === 'absent') {
    // Somebody wrote it anew after we saw it last: what is new is not what was deleted here.
    ctx.log.warn('not deleted: it was written elsewhere', { key })
    ctx.writeBack.learn(key, { is: 'version', etag, size })
    ctx.writeBack.change([
      {
        key,
        desired: { is: 'present', content: { from: 'stored', source: { key, etag, size } } },
        stored: { is: 'version', etag, size },
      },
    ])
    return true
  }
  const node = ctx.unsettled.get(key)
  if (isOurs(head, state.desired, node && !isDir(node) ? sizeOf(node) : 0)) {
    ctx.writeBack.learn(key, { is: 'version', etag, size })
    return true
  }
  if (!node || isDir(node) || node.content.is !== 'staged' || !node.parent) return false
  keepBoth(ctx, node, head, error)
  return true
}

async function find(ctx: FsContext, key: Key): Promise<ObjectHead | undefined> {
  try {
    return await ctx.store.head(key)
  } catch (error) {
    if (error instanceof StoreFailure && error.kind === 'not-found') return undefined
    throw error
  }
}

function needsSource(desired: Desired): Key | undefined {
  if (desired.is === 'absent') return undefined
  const { content } = desired
  return content.from === 'stored' ? content.source.key : undefined
}

/** The same size and the same metadata with a time to the nanosecond: the reply of our own request was lost. */
function isOurs(head: ObjectHead, desired: Desired, size: number): boolean {
  if (desired.is !== 'present' || desired.content.from === 'stored' || head.size !== size)
    return false
  const ours = desired.meta?.user ?? {}
  const names = Object.keys(ours)
  if (names.length !== Object.keys(head.meta.user).length) return false
  return ours['mtime'] !== undefined && names.every(name => head.meta.user[name] === ours[name])
}

/** Ours goes on under another name; the old name shows theirs. One commit. */
function keepBoth(ctx: FsContext, node: FileNode, head: ObjectHead, error: StoreError): void {
  const { parent, name, key } = node
  if (!parent) return
  const stamp = new Date(ctx.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  let other = `${name}.conflict-${ctx.options.host}-${stamp}`
  for (let count = 2; parent.children.has(other); count++) {
    other = `${name}.conflict-${ctx.options.host}-${stamp}-${count}`
  }
  const oldKey = key
  node.key = keyFor(ctx, parent, other, 'file')
  const { etag, size } = head
  const theirs = { key: oldKey, etag, size }
  try {
    commit(
      ctx,
      [
        changeOf(node, { is: 'absent' }),
        {
          key: oldKey,
          desired: { is: 'present', content: { from: 'stored', source: theirs } },
          stored: { is: 'version', etag, size },
        },
      ],
      [node],
    )
  } catch (thrown) {
    node.key = oldKey
    throw thrown
  }
  ctx.writeBack.learn(oldKey, { is: 'version', etag, size })
  ctx.unsettled.delete(oldKey)
  parent.children.delete(name)
  attach(ctx, parent, other, node)
  seeFile(ctx, parent, name, head)
  ctx.conflicts.push(other)
  ctx.log.warn('conflict: both versions are kept', {
    key: oldKey,
    ours: node.key,
    cause: error.message,
  })
}
