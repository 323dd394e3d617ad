/**
 * A file whose request is under way gets another name: its bytes are then to come from the version that the old name
 * had, which the request replaces when it ends. The new version has the same bytes where the old one's still show, since no
 * request is begun on a key that others need (`plan.ts`): whatever ends was begun for the file itself.
 */
import type { Source, StoredState } from '../core/state.ts'
import type { Key } from '../core/types.ts'
import { rebased } from './left-to-do.ts'
import type { Ledger } from './ledger.ts'
import { sourceOf } from './plan.ts'
import type { StagedFiles } from './staged.ts'

/**
 * A request of ours made the version `now` of a key that held `before`: whoever needs the version before goes on from
 * it, durably, and is told. Throws FsError.
 */
export function follow(
  ledger: Ledger,
  files: StagedFiles,
  before: StoredState,
  now: Source,
  tell: (key: Key) => void,
): void {
  if (before.is !== 'version' || before.etag === now.etag) return
  for (const other of ledger.states.dependentsOf(now.key)) {
    const source = sourceOf(other.desired)
    if (other.desired.is === 'absent' || source?.etag !== before.etag) continue
    if (other.desired.content.from === 'stored' && source.size !== now.size) continue
    ledger.enter(other, rebased(other.desired, now, files), true)
    ledger.save(other)
    tell(other.key)
  }
}
