/**
 * What a request under way will have made of a key, noted durably before it leaves: so that its effect is recognised
 * when the reply is lost or the process dies. A file's metadata says so: it has its time to the nanosecond.
 */
import type { Desired, SentMark } from '../core/state.ts'
import type { ObjectMeta } from '../core/types.ts'
import { ifThere } from '../store/if-there.ts'
import type { ObjectHead, ObjectStore } from '../store/store.ts'
import type { StagedFiles } from './staged.ts'
import { stageOf } from './upload-records.ts'

/** Requests of which nobody knows how they ended; older ones were overtaken by these. */
const MOST = 8

/** The marks with those of a request for `desired`; the same list where they are in it. */
export function withMarks(
  known: readonly SentMark[],
  desired: Desired,
  staged: StagedFiles,
): readonly SentMark[] {
  let marks = known
  for (const mark of marksOf(desired, staged)) {
    const text = JSON.stringify(mark)
    if (!marks.some(one => JSON.stringify(one) === text)) marks = [...marks, mark].slice(-MOST)
  }
  return marks
}

function marksOf(desired: Desired, staged: StagedFiles): SentMark[] {
  if (desired.is === 'absent') return []
  const { content, meta } = desired
  if (!meta) return content.from === 'stored' ? [{ source: content.source }] : []
  // An upload in parts gives the object the metadata that it was begun with.
  const begun = staged.find(stageOf(desired) ?? '')?.upload?.meta
  return [{ user: meta.user }, ...(begun ? [{ user: begun.user }] : [])]
}

/** Whether one of the marked requests made what the bucket has. Rejects with StoreError. */
export async function isMarked(
  store: ObjectStore,
  marks: readonly SentMark[],
  head: ObjectHead,
): Promise<boolean> {
  for (const { user, source } of marks) {
    if (user && user['mtime'] !== undefined && sameUser(user, head.meta)) return true
    if (!source || source.size !== head.size) continue
    if (source.key === head.key) continue
    const from = await ifThere(store.head(source.key))
    // The source is deleted only when the copy is made.
    if (!from || (from.etag === source.etag && sameUser(from.meta.user, head.meta))) return true
  }
  return false
}

/** Whether an object's user metadata are these. */
export function sameUser(user: ObjectMeta['user'], { user: found }: ObjectMeta): boolean {
  const names = Object.keys(user)
  return (
    names.length === Object.keys(found).length && names.every(name => user[name] === found[name])
  )
}
