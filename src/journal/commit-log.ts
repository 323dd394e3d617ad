/**
 * The commit log in front of the record database: a row of segments (segment.ts), of which the last is written to.
 * A checkpoint begins a new one and drops the older ones once the database has what they say.
 *
 * At the start the segments are replayed in order up to the first damage; `found` is what they say in sum. A segment of
 * an earlier boot was perhaps left by a power cut: what comes after its last mark is `doubtful`.
 */
import { renameSync } from 'node:fs'
import type { Log } from '../core/ports.ts'
import type { KeyRecord, StageId } from '../core/state.ts'
import type { Bytes } from '../core/types.ts'
import type { JournalChange } from './journal.ts'
import {
  readSegment,
  removeSegment,
  Segment,
  segmentPath,
  segmentsIn,
  type Place,
} from './segment.ts'
import { syncFolder } from './stages.ts'

export class CommitLog {
  /** What the log said when it was opened, a removed key as undefined. */
  readonly found: ReadonlyMap<string, KeyRecord | undefined>
  readonly doubtful: ReadonlySet<string>
  /** Staged files that were being changed after the last mark of an earlier boot. */
  readonly touched: ReadonlySet<StageId>
  readonly #folder: string
  readonly #boot: string
  /** Segments of before the start: on the disk or not, we can't tell, so nothing in them is taken for synced. */
  #left: readonly number[]
  #older: readonly Segment[] = []
  #current: Segment
  #namesChanged = true
  /** Bytes of the segments that were dropped or left behind, so that `length` only grows. */
  #passed: Bytes = 0
  #marked: Place = { segment: 0, length: 0 }

  private constructor(folder: string, boot: string, replayed: Replayed) {
    this.#folder = folder
    this.#boot = boot
    this.found = replayed.found
    this.doubtful = replayed.doubtful
    this.touched = replayed.touched
    this.#left = replayed.numbers
    this.#current = new Segment(folder, (replayed.numbers.at(-1) ?? 0) + 1, boot)
  }

  /** Reads what is there and begins a new segment. Rejects with Node's errors. */
  static async open(folder: string, boot: string, log: Log): Promise<CommitLog> {
    const opened = new CommitLog(folder, boot, replay(folder, boot, log))
    await syncFolder(folder)
    return opened
  }

  /** Whether the last user did not close it in order. */
  get unclean(): boolean {
    return this.#left.length > 0
  }

  /** Bytes ever appended. */
  get length(): Bytes {
    return this.#passed + this.#current.length
  }

  /** Where the next commit goes. */
  get place(): Place {
    return { segment: this.#current.number, length: this.#current.length }
  }

  /** Throws Node's errors, and has then changed nothing. */
  append(change: JournalChange): void {
    const { put, remove } = change
    const entry = { ...(put.length > 0 && { p: put }), ...(remove.length > 0 && { r: remove }) }
    this.#current.append(JSON.stringify(entry))
  }

  /** Says that these staged files are about to be changed. Throws Node's errors. */
  touch(stages: readonly StageId[]): void {
    if (stages.length > 0) this.#current.append(JSON.stringify({ d: stages }))
  }

  /** All before `place` is on the disk, given that the staged bytes it speaks of are; and the log says so. */
  async sync(place: Place): Promise<void> {
    const { segment, length } = place
    if (segment !== this.#marked.segment || length > this.#marked.length) {
      // The mark alone is nothing to mark again.
      const alone = segment === this.#current.number && length === this.#current.length
      this.#mark(place)
      this.#marked = alone ? this.place : place
    }
    await this.flush()
  }

  /** What was appended before the call is on the disk, but for the staged bytes it speaks of. */
  async flush(): Promise<void> {
    const segments = [...this.#older, this.#current]
    const names = this.#namesChanged
    this.#namesChanged = false
    try {
      for (const one of segments) await one.sync()
      if (names) await syncFolder(this.#folder)
    } catch (error) {
      this.#namesChanged ||= names
      throw error
    }
  }

  /** Begins a new segment: what comes now is not part of the checkpoint that follows. */
  rotate(): void {
    const next = new Segment(this.#folder, this.#current.number + 1, this.#boot)
    this.#older = [...this.#older, this.#current]
    this.#passed += this.#current.length
    this.#current = next
    this.#namesChanged = true
  }

  /** The database has on the disk what all segments but the last say. */
  dropOlder(): void {
    for (const segment of this.#older) {
      segment.close()
      removeSegment(this.#folder, segment.number)
    }
    this.#older = []
    for (const number of this.#left) removeSegment(this.#folder, number)
    this.#left = []
  }

  /** Closes it; `empty` says that the database has all of it, so that nothing needs to be kept. */
  close(empty: boolean): void {
    for (const segment of this.#older) segment.close()
    this.#older = []
    this.#current.close()
    if (empty) removeSegment(this.#folder, this.#current.number)
  }

  /** Without room for the mark the sync is as good; more would be doubtful after a power cut. */
  #mark({ segment, length }: Place): void {
    try {
      this.#current.append(JSON.stringify({ s: [segment, length] }))
    } catch {
      // The disk is full.
    }
  }
}

interface Replayed {
  readonly found: ReadonlyMap<string, KeyRecord | undefined>
  readonly doubtful: ReadonlySet<string>
  readonly touched: ReadonlySet<StageId>
  readonly numbers: readonly number[]
}

/** Where a change is, and whether it needs no doubt. */
interface Change {
  readonly segment: number
  readonly end: Bytes
  sure: boolean
}

function replay(folder: string, boot: string, log: Log): Replayed {
  const found = new Map<string, KeyRecord | undefined>()
  /** The last change of each key: where it is, and whether it may be doubted. */
  const last = new Map<string, Change>()
  const touched = new Map<StageId, Change>()
  const numbers = [...segmentsIn(folder)]
  for (const [index, number] of numbers.entries()) {
    const contents = readSegment(folder, number)
    const sameBoot = contents.boot === boot && boot !== ''
    for (const { entry, end } of contents.entries) {
      const change = { segment: number, end, sure: sameBoot }
      for (const key of entry.r ?? []) {
        found.set(key, undefined)
        last.set(key, change)
      }
      for (const record of entry.p ?? []) {
        found.set(record.key, record)
        last.set(record.key, change)
      }
      for (const stage of entry.d ?? []) touched.set(stage, { ...change })
      if (entry.s === undefined) continue
      const [segment, length] = entry.s
      for (const changes of [last, touched]) {
        for (const one of changes.values()) {
          if (one.segment < segment || (one.segment === segment && one.end <= length))
            one.sure = true
        }
      }
    }
    if (contents.torn === 0) continue
    const beyond = numbers.slice(index + 1)
    log.warn('journal log cut short', { segment: number, bytes: contents.torn, dropped: beyond })
    // Not synced, since what is before them was not; kept under another name all the same.
    for (const one of beyond) setAside(folder, one)
    numbers.length = index + 1
  }
  return { found, doubtful: unsure(last), touched: unsure(touched), numbers }
}

function unsure(changes: ReadonlyMap<string, Change>): ReadonlySet<string> {
  return new Set([...changes].filter(([, { sure }]) => !sure).map(([name]) => name))
}

function setAside(folder: string, number: number): void {
  renameSync(segmentPath(folder, number), `${segmentPath(folder, number)}.dropped`)
}
