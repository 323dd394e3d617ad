/**
 * A full staging slows writers down rather than failing them: they wait as long as the write-back frees space, and get
 * ENOSPC when it has freed none for a while, or has nothing to send that would.
 */
import { FsError } from '../core/errors.ts'
import type { Milliseconds } from '../core/types.ts'
import type { FsContext } from './context.ts'
import type { FileNode } from './node.ts'

const LOOK_AGAIN: Milliseconds = 100
/** Nothing to send for so long: nothing will be freed. */
const SURE: Milliseconds = 2000
/** Below the kernel link's own deadline of five minutes. */
const LONGEST: Milliseconds = 240_000

/** Runs a change that needs disk for `node`, which must have changed nothing when it rejects with ENOSPC. */
export async function withRoom(
  ctx: FsContext,
  node: FileNode,
  work: () => Promise<void>,
): Promise<void> {
  const { clock, journal, writeBack, options } = ctx
  const start = clock.now()
  let least = Infinity
  let freedAt = start
  let hopeAt = start
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof FsError) || error.errno !== 'ENOSPC') throw error
      const now = clock.now()
      if (journal.staged < least) {
        least = journal.staged
        freedAt = now
      }
      const { roomPatience = 0 } = options
      if (now - freedAt >= roomPatience || now - start >= LONGEST) throw error
      if (writeBack.makeRoom(node.key)) hopeAt = now
      // What was sent already may be on the disk until the next sync.
      if (now - hopeAt >= SURE) throw error
      await journal.sync().catch(() => {})
    }
    await new Promise<void>(resolve => clock.after(LOOK_AGAIN, resolve))
  }
}
