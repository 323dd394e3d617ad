/** What is still to be done for a key after its staged file was sent. */
import type { Desired, Source } from '../core/state.ts'
import type { Stored } from '../store/store.ts'
import type { Outcome } from './executor.ts'
import type { KeyState } from './key-state.ts'
import { sameMeta } from './meta-equal.ts'
import type { StagedFiles } from './staged.ts'

/**
 * Nothing (undefined); its metadata alone (the bytes that were sent are the desired ones); or, where it was written
 * to meanwhile, all of it again. `rev`: the revision of the record that was sent. Throws FsError.
 */
export function leftToDo(
  files: StagedFiles,
  state: KeyState,
  rev: number,
  stored: Stored,
  outcome: Outcome,
): Desired | undefined {
  const { desired } = state
  if (desired.is === 'absent' || outcome.revision === undefined) return undefined
  // Another file took the name meanwhile: of that nothing was sent.
  if (desired.content.from !== 'stage' || desired.content.stage !== outcome.stage) return undefined
  const staged = files.use(desired.content.stage)
  try {
    const source = { key: state.key, etag: stored.etag, size: stored.size }
    if (staged.writing > 0 || staged.stage.revision !== outcome.revision) {
      if (!staged.stage.base) return desired
      return rebased(desired, source, files)
    }
    const stale = outcome.meta && desired.meta && !sameMeta(outcome.meta, desired.meta)
    if (state.rev === rev && !stale) return undefined
    return { ...desired, content: { from: 'stored', source } }
  } finally {
    files.release(staged.id)
  }
}

/**
 * The same desired bytes, made from `source`, a version that our own request made: bytes that only the version before
 * had are gone from the bucket with it; the new one has the same. Throws FsError.
 */
export function rebased(desired: Desired, source: Source, files: StagedFiles): Desired {
  if (desired.is === 'absent' || desired.content.from === 'inline') return desired
  const { content } = desired
  if (content.from === 'stored') return { ...desired, content: { from: 'stored', source } }
  files.find(content.stage)?.stage.rebase(source)
  return { ...desired, content: { ...content, base: source } }
}
