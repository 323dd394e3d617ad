/**
 * A changed large file whose version in the bucket was replaced by somebody else: bytes that were not changed here were
 * only there. What of them is still in memory is kept; the rest is lost, and the file says which.
 */
import { FsError } from '../core/errors.ts'
import { metaFits } from '../core/user-xattrs.ts'
import type { Range } from '../core/types.ts'
import { holesOf } from '../writeback/staged-read.ts'
import { freshMeta } from './commit.ts'
import type { FsContext } from './context.ts'
import type { FileNode } from './node.ts'

/** User metadata (`user.pail-missing-ranges`): `START-END` of each lost range, END its last byte, with commas. */
const MISSING = 'pail-missing-ranges'
/** A value that every server takes. */
const LONGEST = 200

/** Keeps what can be kept, and tells what cannot. Rejects with FsError where the disk is full. */
export async function salvage(ctx: FsContext, node: FileNode): Promise<readonly Range[]> {
  const { content } = node
  if (content.is !== 'staged') throw new FsError('EIO', `${node.name} has no bytes of its own`)
  const { staged } = content
  const { stage } = ctx.staged.use(staged.id)
  try {
    return await staged.lock.run(async () => {
      for (const hole of holesOf(stage)) {
        for (const { offset, bytes } of ctx.reader.held(stage.base!, hole)) {
          // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- a staged file is no array
          await stage.fill(bytes, offset)
        }
      }
      return holesOf(stage)
    })
  } finally {
    ctx.staged.release(staged.id)
  }
}

/** What is lost is zeros from now on. Throws FsError. */
export function forgo({ content }: FileNode): void {
  if (content.is !== 'staged') return
  const { stage } = content.staged
  stage.forgo({ start: 0, end: stage.baseLimit })
}

/** The lost ranges as text: so many as fit. */
export function rangesText(ranges: readonly Range[]): string {
  let text = ''
  for (const [index, { start, end }] of ranges.entries()) {
    const next = `${text === '' ? '' : `${text},`}${start}-${end - 1}`
    if (next.length > LONGEST) return `${text} and ${ranges.length - index} more`
    text = next
  }
  return text
}

/** Notes in the file's metadata what is lost, where there is room for it. */
export function noteMissing(ctx: FsContext, node: FileNode, text: string): void {
  const before = node.meta ?? freshMeta(ctx, node)
  const user = { ...before.user, [MISSING]: text }
  if (!metaFits(user, ctx.store.limits)) return
  node.meta = { ...before, user }
  node.metaDirty = true
}
