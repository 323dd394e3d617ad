/**
 * What to do with a journal found at a start: pure, from its records and staged files to what is to be thrown away,
 * reported and looked at. It changes nothing itself.
 */
import type { KeyRecord, StageId } from '../core/state.ts'

export interface Found {
  readonly records: Iterable<KeyRecord>
  readonly stages: readonly StageId[]
  /** `OpenedJournal.doubtful`. */
  readonly doubtful: ReadonlySet<string>
}

export interface Recovery {
  /** Staged files that no record names: never committed, or done with. To be removed. */
  readonly leftOver: readonly StageId[]
  /**
   * Records whose staged file is gone though it was synced, which no kill and no power cut does: the bytes are
   * lost. To be parked and reported; nothing must be sent for them.
   */
  readonly missing: readonly KeyRecord[]
  /**
   * Records that a power cut left though they were not synced, and whose staged bytes may be there in part only
   * (or not at all). Nobody was promised that they survive; to be parked rather than put half a file into the bucket.
   */
  readonly doubtful: readonly KeyRecord[]
  /** All others: to be sent. */
  readonly sound: readonly KeyRecord[]
}

/** Staged files a record needs: its content. An upload of another file is only to be aborted. */
export function stagesOf({ desired }: KeyRecord): readonly StageId[] {
  const staged = desired.is === 'present' && desired.content.from === 'stage'
  return staged ? [desired.content.stage] : []
}

/** Sorts out what was found. */
export function recover(found: Found): Recovery {
  const there = new Set(found.stages)
  const named = new Set<StageId>()
  const missing: KeyRecord[] = []
  const doubtful: KeyRecord[] = []
  const sound: KeyRecord[] = []
  for (const record of found.records) {
    const needed = stagesOf(record)
    for (const stage of needed) named.add(stage)
    const content = needed.length > 0
    if (content && (found.doubtful.has(record.key) || record.parked?.doubtful)) {
      doubtful.push(record)
    } else if (content && !there.has(needed[0]!)) missing.push(record)
    else sound.push(record)
  }
  return { leftOver: found.stages.filter(id => !named.has(id)), missing, doubtful, sound }
}
