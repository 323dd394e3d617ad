/** The time of a file that is copied to its new name: where no metadata tell it, the copy would be as new as itself. */
import type { Desired } from '../core/state.ts'
import type { KeyState } from './key-state.ts'
import type { Ledger } from './ledger.ts'
import type { WriteBackEvents } from './options.ts'

/** What is desired, with metadata where those of the source would do but for the time. Rejects with StoreError or FsError. */
export async function withTime(
  events: Pick<WriteBackEvents, 'metaForCopy'> | undefined,
  { key, desired }: KeyState,
): Promise<Desired> {
  if (desired.is === 'absent' || desired.meta || desired.content.from !== 'stored') return desired
  if (desired.content.source.key === key) return desired
  const meta = await events?.metaForCopy(key)
  return meta ? { ...desired, meta } : desired
}

/** The same for the state itself, unless something else is desired by then: a version that replaced the source. */
export async function keepTime(
  ledger: Ledger,
  events: Pick<WriteBackEvents, 'metaForCopy'> | undefined,
  state: KeyState,
): Promise<void> {
  const before = state.desired
  const timed = await withTime(events, state)
  if (timed !== before && state.desired === before) ledger.enter(state, timed, true)
}
