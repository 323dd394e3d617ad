/**
 * The journal at the start of a mount: which of its records are gone on with. Staged files that nobody needs go; a
 * record that has lost its bytes goes too; one whose bytes may be there in part only (written shortly before a power
 * cut and not synced) stays as it is until a person writes or removes the file: no half file gets into the bucket.
 */
import type { Log } from '../core/ports.ts'
import type { KeyRecord } from '../core/state.ts'
import type { Milliseconds } from '../core/types.ts'
import type { Journal } from '../journal/journal.ts'
import { recover } from '../journal/recovery.ts'

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
  if (lost.length + parked.length > 0) {
    journal.commit({ put: parked, remove: lost.map(({ key }) => key) })
  }
  for (const id of leftOver) journal.removeStage(id)
  return [...sound, ...parked]
}
