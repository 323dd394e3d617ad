/** What is known of names in a directory without a question to the bucket: for listings that carry attributes. */
import type { Milliseconds } from '../core/types.ts'
import type { Known } from './api.ts'
import { attributesAtHand } from './attributes.ts'
import type { FsContext } from './context.ts'
import { attrOf, isDir, type DirNode, type Node } from './node.ts'
import { asItIs } from './stand-ins.ts'

export function knownIn(
  ctx: FsContext,
  dir: DirNode,
  names: readonly string[],
): readonly (Known | undefined)[] {
  return names.map(name => {
    const node = dir.children.get(name)
    const fresh = node ? freshFor(ctx, dir, node) : 0
    if (!node || fresh <= 0 || !attributesAtHand(ctx, node)) return undefined
    if (!isDir(node)) node.asideWhenFound = node.keptAside
    const now = asItIs(ctx, node)
    return { attr: attrOf(now), generation: isDir(now) ? 0 : now.generation, fresh }
  })
}

/** For how long a look-up will ask nothing. What is not in the bucket yet is known best here. */
function freshFor(ctx: FsContext, dir: DirNode, node: Node): Milliseconds {
  if (ctx.writeBack.get(node.key)?.desired.is === 'present') return Infinity
  const seen = Math.max(node.seenAt, dir.complete ? dir.listedAt : -Infinity)
  return seen + ctx.options.metadataTtl - ctx.clock.now()
}
