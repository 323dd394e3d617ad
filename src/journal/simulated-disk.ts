/**
 * The disk under the simulated journal: what is on it for good, and what a power cut may take.
 *
 * Of records there is the state as of the last sync and the commits since then; of each staged file the state as of its
 * last sync and the operations since then. A kill takes nothing. A power cut leaves
 * - a prefix of the commits since the last sync, each whole;
 * - of each file a prefix of the operations since its last sync, of whose written bytes each piece may be missing (zeros,
 *   or what was there before); a file that was never synced may be gone.
 * Keys of commits that a power cut left though they were not synced are doubtful until the next sync of the records, or
 * a commit of theirs that no power cut takes. So are those whose staged files were changed since the last sync: the disk
 * is told before (`announce`), unless no record on it can name the file.
 * A staged file that was removed goes for good with the next sync of the records, so that no record that
 * a power cut brings back names one that is missing (unless its commit was never synced).
 */
import type { Random } from '../core/ports.ts'
import type { KeyRecord, Source, StageId } from '../core/state.ts'
import type { Bytes, Milliseconds, Range } from '../core/types.ts'
import type { JournalChange } from './journal.ts'
import { stagesOf } from './recovery.ts'
import { SparseBytes } from './sparse-bytes.ts'
import {
  afterFill,
  afterRebase,
  afterTruncate,
  freshFacts,
  type StageFacts,
} from './stage-state.ts'

/** One step of a staged file on its way to the disk. */
export type Step =
  | { readonly what: 'bytes'; readonly from: Uint8Array; readonly offset: Bytes }
  | { readonly what: 'size'; readonly size: Bytes }
  | { readonly what: 'own'; readonly range: Range }
  | { readonly what: 'base'; readonly base: Source }

/** A staged file as a disk has it. */
export interface FileState {
  readonly bytes: SparseBytes
  facts: StageFacts
  modified: Milliseconds
}

interface SimulatedFile {
  live: FileState
  synced: FileState | undefined
  /** Since the last sync; `before` counts those that are on the disk. */
  steps: Step[]
  before: number
  /** Made or announced since the last sync began. */
  announced: boolean
  /** Changes under way. */
  changing: number
}

function copyOf(state: FileState): FileState {
  return { ...state, bytes: state.bytes.copy() }
}

function apply(state: FileState, step: Step): void {
  if (step.what === 'bytes') state.bytes.write(step.from, step.offset)
  else if (step.what === 'size') state.bytes.truncate(step.size)
  else if (step.what === 'own') state.facts = afterFill(state.facts, step.range)
  else state.facts = afterRebase(state.facts, step.base)
  const { size } = state.bytes
  if (step.what === 'size') state.facts = afterTruncate(state.facts, size)
  else state.facts = { ...state.facts, size }
}

export class SimulatedDisk {
  #synced = new Map<string, KeyRecord>()
  #commits: JournalChange[] = []
  /** How many commits are on the disk. */
  #before = 0
  #live = new Map<string, KeyRecord>()
  readonly #files = new Map<StageId, SimulatedFile>()
  #removed = new Map<StageId, SimulatedFile>()
  /** Of what is synced now. */
  #doubtful: ReadonlySet<string> = new Set()
  /** Staged files that the disk knows to be changed since the last sync. */
  #touched = new Set<StageId>()
  #count = 0

  get records(): ReadonlyMap<string, KeyRecord> {
    return this.#live
  }

  get stages(): readonly StageId[] {
    return [...this.#files.keys()]
  }

  get doubtful(): ReadonlySet<string> {
    const sure = new Set(this.#commits.flatMap(keysOf))
    return new Set([...this.#doubtful].filter(key => !sure.has(key)))
  }

  get taken(): Bytes {
    let sum = 0
    for (const file of this.#files.values()) sum += file.live.bytes.taken
    return sum
  }

  commit(change: JournalChange): void {
    this.#commits.push(structuredClone(change))
    put(this.#live, this.#commits.at(-1)!)
  }

  make(base: Source | undefined, now: Milliseconds): StageId {
    const id = `stage${this.#count++}`
    const facts = freshFacts(base)
    const live = { bytes: new SparseBytes(facts.size), facts, modified: now }
    this.#files.set(id, {
      live,
      synced: undefined,
      steps: [],
      before: 0,
      announced: true,
      changing: 0,
    })
    return id
  }

  file(id: StageId): FileState | undefined {
    return this.#files.get(id)?.live
  }

  /** A change begins; whether `announce` must come first. Call `changed` after it. */
  changing(id: StageId): boolean {
    const file = this.#files.get(id)
    if (file) file.changing++
    return file?.announced === false
  }

  changed(id: StageId): void {
    const file = this.#files.get(id)
    if (file) file.changing--
  }

  announce(id: StageId): void {
    const file = this.#files.get(id)
    if (!file) return
    file.announced = true
    this.#touched.add(id)
  }

  step(id: StageId, step: Step): void {
    const file = this.#files.get(id)
    if (file === undefined) return
    const own = step.what === 'bytes' ? { ...step, from: step.from.slice() } : step
    apply(file.live, own)
    file.steps.push(own)
  }

  remove(id: StageId): void {
    const file = this.#files.get(id)
    this.#files.delete(id)
    if (file?.synced !== undefined) this.#removed.set(id, file)
  }

  /** What one or all staged files are now; call the answer once that is on the disk. */
  syncFiles(ids: readonly StageId[] = this.stages): () => void {
    const states = ids.flatMap(id => {
      const file = this.#files.get(id)
      return file ? [{ file, state: copyOf(file.live), upTo: file.before + file.steps.length }] : []
    })
    return () => {
      for (const { file, state, upTo } of states) {
        // Another sync, begun later, may have ended earlier.
        if (upTo < file.before) continue
        file.synced = state
        file.steps = file.steps.slice(upTo - file.before)
        file.before = upTo
      }
    }
  }

  /** The same for the records, and for what was removed. */
  syncRecords(): () => void {
    const state = new Map(this.#live)
    const upTo = this.#before + this.#commits.length
    const removed = [...this.#removed.keys()]
    const touched = [...this.#touched]
    const changing = new Set<StageId>()
    for (const [id, file] of this.#files) {
      file.announced = file.changing > 0
      if (file.announced) changing.add(id)
    }
    return () => {
      if (upTo < this.#before) return
      for (const id of touched) this.#touched.delete(id)
      for (const id of changing) this.#touched.add(id)
      this.#synced = state
      this.#doubtful = new Set()
      this.#commits = this.#commits.slice(upTo - this.#before)
      this.#before = upTo
      for (const id of removed) this.#removed.delete(id)
    }
  }

  /** The process is killed: what it removed comes back if it was not gone for good. */
  kill(): void {
    for (const [id, file] of this.#removed) this.#files.set(id, file)
    for (const file of this.#files.values()) Object.assign(file, { announced: false, changing: 0 })
    this.#removed = new Map()
  }

  /** The power goes. */
  cutPower(random: Random): void {
    this.kill()
    for (const [id, file] of this.#files) {
      const left = afterPowerCut(file, random)
      if (left === undefined) this.#files.delete(id)
      else {
        const fresh = { steps: [], before: 0, announced: false, changing: 0 }
        this.#files.set(id, { live: left, synced: copyOf(left), ...fresh })
      }
    }
    const kept = this.#commits.slice(0, Math.floor(random() * (this.#commits.length + 1)))
    for (const change of kept) put(this.#synced, change)
    this.#live = new Map(this.#synced)
    this.#commits = []
    const torn = [...this.#live.values()].filter(record =>
      stagesOf(record).some(id => this.#touched.has(id)),
    )
    const keys = [...kept.flatMap(keysOf), ...torn.map(({ key }) => key)]
    this.#doubtful = new Set([...this.#doubtful, ...keys])
  }
}

function keysOf(change: JournalChange): string[] {
  return [...change.remove, ...change.put.map(({ key }) => key)]
}

function put(records: Map<string, KeyRecord>, change: JournalChange): void {
  for (const key of change.remove) records.delete(key)
  for (const record of change.put) records.set(record.key, record)
}

function afterPowerCut(file: SimulatedFile, random: Random): FileState | undefined {
  if (file.synced === undefined && random() < 0.5) return undefined
  const { base } = file.live.facts
  const facts = freshFacts(base)
  const fresh = { bytes: new SparseBytes(facts.size), facts, modified: file.live.modified }
  const state = copyOf(file.synced ?? fresh)
  const kept = Math.floor(random() * (file.steps.length + 1))
  for (const step of file.steps.slice(0, kept)) {
    if (step.what === 'bytes' && random() < 0.5) {
      // The size went to the disk, the bytes or some of them did not.
      const end = Math.max(state.bytes.size, step.offset + step.from.length)
      const some = step.from.subarray(0, Math.floor(random() * step.from.length))
      apply(state, { what: 'bytes', from: some, offset: step.offset })
      if (end > state.bytes.size) {
        state.bytes.truncate(end)
        state.facts = { ...state.facts, size: end }
      }
    } else apply(state, step)
  }
  return state
}
