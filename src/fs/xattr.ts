/** Extended attributes: `user.*` is the object's user metadata, `pail.*` the control plane, all else is not there. */
import { FsError } from '../core/errors.ts'
import { withoutXattr, withXattr, xattrsOf } from '../core/user-xattrs.ts'
import type { ObjectMeta } from '../core/types.ts'
import { isTop } from './buckets.ts'
import { loadMeta } from './attributes.ts'
import { freshMeta } from './commit.ts'
import type { FsContext } from './context.ts'
import { readControl, removeControl, writeControl } from './control-xattr.ts'
import type { Node } from './node.ts'
import { keepTime, update } from './setattr.ts'

const USER = 'user.'
const CONTROL = 'pail.'

export async function getXattr(ctx: FsContext, node: Node, name: string): Promise<Uint8Array> {
  if (name.startsWith(CONTROL)) {
    return new TextEncoder().encode(await readControl(ctx, node, name.slice(CONTROL.length)))
  }
  if (!name.startsWith(USER)) throw missing(name)
  const value = xattrsOf((await loadMeta(ctx, node)).user).get(name.slice(USER.length))
  if (!value) throw missing(name)
  return value
}

/** Control names are left out, so that `cp -a` and `rsync -X` pass them by. */
export async function listXattr(ctx: FsContext, node: Node): Promise<readonly string[]> {
  const { user } = await loadMeta(ctx, node)
  return [...xattrsOf(user).keys()].map(name => USER + name)
}

export async function setXattr(
  ctx: FsContext,
  node: Node,
  name: string,
  value: Uint8Array,
  how: 'either' | 'create' | 'replace',
): Promise<void> {
  if (name.startsWith(CONTROL)) {
    const text = new TextDecoder().decode(value).trim()
    return writeControl(ctx, node, name.slice(CONTROL.length), text)
  }
  const own = userName(ctx, node, name)
  const before = (await loadMeta(ctx, node)).user
  const there = xattrsOf(before).has(own)
  if (how === 'create' && there) throw new FsError('EEXIST', `${name} is there`)
  if (how === 'replace' && !there) throw missing(name)
  const copy = value.slice()
  await update(ctx, node, () => setUser(ctx, node, user => withXattr(user, own, copy)))
}

export async function removeXattr(ctx: FsContext, node: Node, name: string): Promise<void> {
  if (name.startsWith(CONTROL)) return removeControl(ctx, node, name.slice(CONTROL.length))
  if (!name.startsWith(USER)) throw missing(name)
  const own = name.slice(USER.length)
  if (!xattrsOf((await loadMeta(ctx, node)).user).has(own)) throw missing(name)
  await update(ctx, node, () => setUser(ctx, node, user => withoutXattr(user, own)))
}

/** Throws for names that no object can keep. */
function userName(ctx: FsContext, node: Node, name: string): string {
  if (!name.startsWith(USER)) throw new FsError('EOPNOTSUPP', `${name}: only user.* can be kept`)
  if (isTop(ctx, node)) throw new FsError('EOPNOTSUPP', 'a bucket has no metadata of its own')
  return name.slice(USER.length)
}

type User = ObjectMeta['user']

function setUser(ctx: FsContext, node: Node, change: (user: User) => User): void {
  keepTime(ctx, node)
  const before = node.meta ?? freshMeta(ctx, node)
  node.meta = { ...before, user: change(before.user) }
  node.metaDirty = true
}

function missing(name: string): FsError {
  return new FsError('ENODATA', `no attribute ${name}`)
}
