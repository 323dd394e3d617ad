/**
 * The journal over a simulated disk (simulated-disk.ts), for tests and the simulator: the contract of `Journal` with
 * no disk, no clock and no chance of its own, and with kills, power cuts and full disks on command.
 *
 * Every method that the real journal makes wait for the disk waits for `pause`, so that a scheduler can put anything
 * in between. After `crash` the journal and its stages answer EIO to whatever is still running; `reopen` gives
 * the journal of the next start, over the same disk.
 */
import { FsError } from '../core/errors.ts'
import { missing } from '../core/extents.ts'
import type { Random } from '../core/ports.ts'
import type { KeyRecord, Source, StageId } from '../core/state.ts'
import type { Bytes, Milliseconds, Range } from '../core/types.ts'
import type { Journal, JournalChange, Stage } from './journal.ts'
import { SimulatedDisk, type FileState, type Step } from './simulated-disk.ts'
import { ownAfter } from './stage-state.ts'

export interface MemoryJournalOptions {
  /** Bytes that staged files may take; no bound unless said otherwise. */
  readonly stagingLimit?: Bytes
  /** Time for `modified`; 0 unless said otherwise. */
  readonly now?: () => Milliseconds
  /** Awaited wherever the disk takes its time. */
  readonly pause?: () => Promise<void>
  /** Called before each change of the disk: it may `crash` the journal there. */
  readonly step?: () => void
}

export class MemoryJournal implements Journal {
  readonly stagingLimit: Bytes
  /** As `OpenedJournal.doubtful`: keys of commits that a power cut left though they were not synced. */
  readonly doubtful: ReadonlySet<string>
  readonly #options: MemoryJournalOptions
  readonly #disk: SimulatedDisk
  readonly #open = new Map<StageId, { stage: MemoryStage; users: number }>()
  #full = false
  #closed = false

  constructor(options: MemoryJournalOptions = {}, disk = new SimulatedDisk()) {
    this.#options = options
    this.#disk = disk
    this.doubtful = disk.doubtful
    this.stagingLimit = options.stagingLimit ?? Number.MAX_SAFE_INTEGER
  }

  /** Ends this journal: `kill` keeps all that was acknowledged, `power` what was synced and some of the rest. */
  crash(how: 'kill'): void
  crash(how: 'power', random: Random): void
  crash(how: 'kill' | 'power', random?: Random): void {
    this.#closed = true
    if (random === undefined || how === 'kill') this.#disk.kill()
    else this.#disk.cutPower(random)
  }

  /** The journal of the next start. After `crash` or `close`. */
  reopen(options: MemoryJournalOptions = this.#options): MemoryJournal {
    this.#closed = true
    return new MemoryJournal(options, this.#disk)
  }

  /** Whether the disk has no room: commits and what grows staged files fail with ENOSPC. */
  setFull(full: boolean): void {
    this.#full = full
  }

  *records(): Iterable<KeyRecord> {
    this.check()
    yield* structuredClone([...this.#disk.records.values()])
  }

  commit(change: JournalChange): void {
    this.reserve(0)
    if (change.put.length === 0 && change.remove.length === 0) return
    this.step()
    this.#disk.commit(change)
  }

  async sync(): Promise<void> {
    this.check()
    const records = this.#disk.syncRecords()
    const files = this.#disk.syncFiles()
    await this.pause()
    files()
    await this.pause()
    records()
  }

  createStage(base?: Source): Stage {
    this.reserve(0)
    this.step()
    return this.#opened(this.#disk.make(base, this.now()))
  }

  openStage(id: StageId): Stage {
    this.check()
    const known = this.#open.get(id)
    if (known === undefined) return this.#opened(id)
    known.users++
    return known.stage
  }

  removeStage(id: StageId): void {
    this.check()
    this.step()
    this.#open.get(id)?.stage.discard()
    this.#open.delete(id)
    this.#disk.remove(id)
  }

  stages(): readonly StageId[] {
    this.check()
    return this.#disk.stages
  }

  get staged(): Bytes {
    return this.#disk.taken
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.sync()
    this.#closed = true
  }

  /** For itself and its stages: the disk is about to change; throws if it crashes here. */
  step(): void {
    this.#options.step?.()
    this.check()
  }

  /** Whether it was closed or has crashed. */
  get closed(): boolean {
    return this.#closed
  }

  /** For its stages: throws if the journal is closed or crashed. */
  check(): void {
    if (this.#closed) throw new FsError('EIO', 'the journal is closed')
  }

  /** For its stages: throws ENOSPC if there is no room for so many bytes more. */
  reserve(bytes: Bytes): void {
    this.check()
    if (this.#full) throw new FsError('ENOSPC', "the journal's disk is full")
    const bounded = bytes > 0 && this.stagingLimit < Number.MAX_SAFE_INTEGER
    if (bounded && this.staged + bytes > this.stagingLimit) {
      throw new FsError('ENOSPC', `the staging limit of ${this.stagingLimit} bytes is reached`)
    }
  }

  /** For its stages: time passes; throws if there was a crash meanwhile. */
  async pause(): Promise<void> {
    await this.#options.pause?.()
    this.check()
  }

  now(): Milliseconds {
    return this.#options.now?.() ?? 0
  }

  /** For its stages: one user less; whether it was the last. */
  released(id: StageId): boolean {
    const known = this.#open.get(id)
    if (known === undefined || --known.users > 0) return false
    return this.#open.delete(id)
  }

  #opened(id: StageId): MemoryStage {
    const file = this.#disk.file(id)
    if (file === undefined) throw new FsError('EIO', `the staged file ${id} is missing`)
    const stage = new MemoryStage(this, this.#disk, id, file)
    this.#open.set(id, { stage, users: 1 })
    return stage
  }
}

class MemoryStage implements Stage {
  readonly id: StageId
  readonly #journal: MemoryJournal
  readonly #disk: SimulatedDisk
  readonly #file: FileState
  /** As acknowledged: the file is larger while a write that grows it is under way. */
  #size: Bytes
  #revision = 0
  #closed = false

  constructor(journal: MemoryJournal, disk: SimulatedDisk, id: StageId, file: FileState) {
    this.#journal = journal
    this.#disk = disk
    this.id = id
    this.#file = file
    this.#size = file.bytes.size
  }

  get base(): Source | undefined {
    return this.#file.facts.base
  }
  get size(): Bytes {
    return this.#size
  }
  get baseLimit(): Bytes {
    return this.#file.facts.baseLimit
  }
  get own(): readonly Range[] {
    return this.#file.facts.own
  }
  get revision(): number {
    return this.#revision
  }

  async read(into: Uint8Array, offset: Bytes): Promise<number> {
    this.#check()
    await this.#journal.pause()
    return this.#file.bytes.read(into, offset)
  }

  async write(from: Uint8Array, offset: Bytes): Promise<void> {
    if (from.length === 0) return
    this.#check()
    await this.#change(async () => {
      this.#journal.reserve(from.length)
      this.#step({ what: 'bytes', from, offset })
      await this.#journal.pause()
      this.#own({ start: offset, end: offset + from.length })
      this.#changed()
    })
  }

  async truncate(size: Bytes): Promise<void> {
    this.#check()
    if (size === this.#size) return
    await this.#change(async () => {
      if (size > this.#size) this.#journal.reserve(0)
      await this.#journal.pause()
      this.#step({ what: 'size', size })
      this.#changed()
    })
  }

  async fill(from: Uint8Array, offset: Bytes): Promise<void> {
    this.#check()
    const range = { start: offset, end: Math.min(offset + from.length, this.baseLimit) }
    const gaps = missing(this.own, range)
    if (gaps.length === 0) return
    await this.#change(async () => {
      this.#journal.reserve(from.length)
      for (const { start, end } of gaps) {
        const piece = from.subarray(start - offset, end - offset)
        this.#step({ what: 'bytes', from: piece, offset: start })
      }
      await this.#journal.pause()
      this.#own(range)
    })
  }

  forgo(range: Range): void {
    this.#check()
    this.#journal.reserve(0)
    this.#own({ start: range.start, end: Math.min(range.end, this.baseLimit) })
  }

  rebase(base: Source): void {
    this.#check()
    this.#journal.reserve(0)
    this.#step({ what: 'base', base: { key: base.key, etag: base.etag, size: base.size } })
  }

  modified(): number {
    this.#check()
    return this.#file.modified
  }

  async sync(): Promise<void> {
    this.#check()
    const done = this.#disk.syncFiles([this.id])
    await this.#journal.pause()
    done()
  }

  close(): void {
    if (this.#journal.released(this.id)) this.#closed = true
  }

  /** Its files are about to go. */
  discard(): void {
    this.#closed = true
  }

  #own(range: Range): void {
    if (ownAfter(this.#file.facts, range) !== this.own) this.#step({ what: 'own', range })
  }

  /** The disk knows of a change before it comes. */
  async #change(run: () => Promise<void>): Promise<void> {
    const first = this.#disk.changing(this.id)
    try {
      if (first) {
        this.#journal.reserve(0)
        await this.#journal.pause()
        this.#disk.announce(this.id)
      }
      await run()
    } finally {
      if (!this.#journal.closed) this.#disk.changed(this.id)
    }
  }

  #changed(): void {
    this.#size = this.#file.bytes.size
    this.#revision++
    this.#file.modified = this.#journal.now()
  }

  #step(step: Step): void {
    this.#journal.step()
    this.#disk.step(this.id, step)
  }

  #check(): void {
    this.#journal.check()
    if (this.#closed) throw new FsError('EIO', `the staged file ${this.id} is closed`)
  }
}
