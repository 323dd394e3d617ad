/**
 * The journal at the start of a mount: which of its records are gone on with. Staged files that nobody needs go; a
 * record that has lost its bytes goes too, but for its unfinished upload; one whose bytes may be there in part only (written shortly before a power
 * cut and not synced) stays as it is until a person writes or removes the file: no half file gets into the bucket.
 */
import type { Log } from '../core/ports.ts'
import type { KeyRecord, StoredState } from '../core/state.ts'
import type { Milliseconds } from '../core/types.ts'
import type { Journal } from '../journal/journal.ts'
import { recover } from '../journal/recovery.ts'
import { settledForm } from './key-state.ts'

const DOUBTFUL = 'written shortly before a power cut and not synced: it may not be whole'

/** The records to go on with. Throws FsError. */
export function recovered(journal: Journal, log: Log, now: Milliseconds): readonly KeyRecord[] {
  const { leftOver, missing, doubtful, sound } = recover({
    records: [...journal.records()],
    stages: journal.stages(),
    doubtful: journal.doubtful ?? new Set(),
  })
  const there = new Set(journal.stages())
  const parked: KeyRecord[] = []
  const lost = [...missing]
  for (const record of doubtful) {
    const { desired } = record
    const whole = desired.is === 'present' && desired.content.from === 'stage'
    if (whole && !there.has(desired.content.stage)) lost.push(record)
    else
      parked.push({
        ...record,
        parked: { kind: 'failed', message: DOUBTFUL, at: now, doubtful: true },
      })
  }
  for (const { key } of lost) log.error('the bytes are lost', { key })
  for (const { key } of parked) log.error(DOUBTFUL, { key })
  const uploads = lost.flatMap(settled)
  if (lost.length + parked.length > 0) {
    const kept = new Set(uploads.map(({ key }) => key))
    const remove = lost.map(({ key }) => key).filter(key => !kept.has(key))
    journal.commit({ put: [...parked, ...uploads], remove })
  }
  // Where a record cannot be read, one of these may be its bytes.
  if ((journal.damaged?.size ?? 0) === 0) for (const id of leftOver) journal.removeStage(id)
  return [...sound, ...parked, ...uploads]
}

/** What stays of a record whose bytes are lost: its unfinished upload, to be aborted. The key is left as it is. */
function settled({ key, stored, upload }: KeyRecord): KeyRecord[] {
  if (!upload) return []
  const known: StoredState = stored.is === 'version' ? stored : { is: 'absent' }
  return [{ key, desired: settledForm({ key, stored: known }), stored: known, upload }]
}
