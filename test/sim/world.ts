/**
 * One simulated life of a mount, by seed: random operations while the network fails and the daemon dies at any
 * await, over a journal on a simulated disk. The model of files knows what was acknowledged; what differs is found.
 *
 * - A kill loses nothing: the next mount shows every acknowledged change at once.
 * - A daemon that dies while it takes up what the last one left is one more death: the same holds for the next.
 * - A full disk under the journal is ENOSPC to the caller, and nothing has changed.
 * - A power cut loses nothing that was fsynced; what else is there is taken as it is found.
 * - Bytes that arrive in the bucket were a file's whole content at some moment.
 * - In the end the bucket is the model, and nothing else is left: no upload, no staged file, no record.
 */
import type { Random } from '../../src/core/ports.ts'
import { MemoryJournal } from '../../src/journal/memory-journal.ts'
import type { FaultRates } from '../../src/store/memory/faults.ts'
import type { MemoryStoreOptions } from '../../src/store/memory/options.ts'
import { objectOf } from '../support/bucket-view.ts'
import { Core, TINY } from '../support/core.ts'
import {
  bucketDifferences,
  CoreDriver,
  leftovers,
  modelOf,
  nowOf,
  sameOutcome,
  treeDifferences,
} from '../support/core-driver.ts'
import type { Op, Outcome } from '../support/file-ops.ts'
import { ReferenceModel, type Entry, type Span as Times } from '../support/reference-model.ts'
import { seeded, VirtualClock } from '../support/virtual-clock.ts'
import {
  ANY_TIME,
  hashOf,
  isFull,
  isWeather,
  loosen,
  loosenAll,
  removeUnmade,
  show,
} from './outcomes.ts'
import { IMMORTAL, MortalClock, WatchedStore, type Span } from './mortal.ts'
import { Programs, type Workload } from './workload.ts'

export interface SimOptions {
  /** Operations in a life. */
  readonly steps: number
  readonly crash: 'kill' | 'power' | 'none'
  /** Mean number of timers that fire between crashes; half as many deaths are at a change of the journal's disk. */
  readonly between: number
  /** How likely a daemon dies while it takes up what the last one left. */
  readonly again?: number
  /** Whether the journal's disk is full from time to time. */
  readonly full?: boolean
  readonly workload?: Workload
  readonly rates: FaultRates
  readonly fsync: 'bucket' | 'journal'
  readonly store?: Partial<MemoryStoreOptions>
}

/** Little, since memory for it is most of what a core costs. */
const CACHE = 1 << 20
const CRASHED = Symbol('crashed')

export class World {
  readonly #options: SimOptions
  readonly #random: Random
  readonly #clock = new VirtualClock()
  readonly #memory: WatchedStore
  /** Hashes of all that files ever were. */
  readonly #contents = new Set<string>()
  /** What arrived in the bucket while the operation ran. */
  readonly #arrived = new Map<string, string>()
  readonly #history: string[] = []
  #model = new ReferenceModel()
  #core!: Core
  #driver!: CoreDriver
  #mortal!: MortalClock
  #crashed!: Promise<typeof CRASHED>
  #crashes = 0
  #full = false
  #untimed = false
  /** Paths that nothing has touched since they were fsynced. */
  readonly #safe = new Set<string>()

  constructor(seed: number, options: SimOptions) {
    this.#options = options
    this.#random = seeded(seed)
    const random = seeded(seed + 1)
    this.#memory = new WatchedStore({ clock: this.#clock, random, limits: TINY, ...options.store })
    this.#memory.onStored = key => void this.#watch(key)
    const journal = { pause: () => this.#pause(), step: () => this.#mortal.step() }
    this.#start(new MemoryJournal(journal), this.#span())
    this.#contents.add(hashOf(new Uint8Array(0)))
  }

  /** What was done, for a person. */
  get history(): readonly string[] {
    return this.#history
  }

  get crashes(): number {
    return this.#crashes
  }

  /** Lives; rejects with what is wrong. */
  async live(): Promise<void> {
    const programs = new Programs(this.#options.workload ?? 'mixed', this.#random)
    for (let step = 0; step < this.#options.steps; step++) {
      if (this.#options.full) this.#fill()
      await this.#step(programs.next(this.#model))
    }
    await this.#end()
  }

  #pause(): Promise<void> {
    // Often at once, so that a life is not all waiting for the disk.
    if (this.#random() < 0.7) return Promise.resolve()
    return new Promise(done => this.#mortal.after(this.#random() * 5, done))
  }

  /** The journal's disk is full for a while. */
  #fill(): void {
    const change = this.#random() < (this.#full ? 0.3 : 0.06)
    if (change) this.#setFull(!this.#full)
  }

  #setFull(full: boolean): void {
    if (full !== this.#full) this.#history.push(full ? 'the disk is full' : 'the disk has room')
    this.#full = full
    this.#untimed ||= full
    this.#core.journal.setFull(full)
  }

  /** How long the next daemon lives. */
  #span(): Span {
    const { crash, between } = this.#options
    if (crash === 'none') return IMMORTAL
    const chance = () => 1 + Math.floor(this.#random() * 2 * between)
    const atStep = this.#random() < 0.33
    return { ...IMMORTAL, ...(atStep ? { steps: chance() } : { timers: chance() }) }
  }

  /** The next daemon; it may die at once. */
  #start(found: MemoryJournal, span: Span): void {
    const { crash, rates, fsync } = this.#options
    for (let journal = found; ; journal = journal.reopen()) {
      let die!: () => void
      this.#crashed = new Promise(resolve => (die = () => resolve(CRASHED)))
      let core: Core | undefined
      const mortal = new MortalClock(this.#clock, () => {
        core?.faulty.kill()
        if (crash === 'power') journal.crash('power', this.#random)
        else journal.crash('kill')
        core?.stop()
        die()
      })
      mortal.left = span
      this.#mortal = mortal
      try {
        core = new Core({
          clock: this.#clock,
          time: mortal,
          random: this.#random,
          memory: this.#memory,
          journal,
          cacheBytes: CACHE,
          faults: { clock: mortal.network, rates, delay: [0, 200], chunk: 100, stallLimit: 30_000 },
          fs: { fsync },
        })
      } catch (error) {
        if (!mortal.dead) throw error
      }
      if (core && !mortal.dead) {
        this.#core = core
        this.#driver = new CoreDriver(core)
        return
      }
      this.#crashes += 1
      this.#history.push('  it dies while it starts')
      span = IMMORTAL
    }
  }

  async #step(op: Op): Promise<void> {
    this.#history.push(show(op))
    const from = nowOf(this.#core)
    const outcome = op.op === 'wait' ? this.#wait(op.span) : this.#driver.apply(op)
    const actual = await this.#clock.run(Promise.race([outcome, this.#crashed]))
    const span = { from, to: nowOf(this.#core) + 999_999n }
    if (actual === CRASHED) return this.#afterCrash(op, span)
    this.#history.push(`  ${show(actual)}`)
    // A read or an fsync may have to give up after its time; nothing has changed then.
    if (isWeather(actual) || (this.#full && isFull(actual))) {
      if (this.#full) this.#timesOpen(op)
      if (op.op === 'open' || op.op === 'close') this.#model.slots.delete(op.slot)
      return
    }
    const touched = this.#touchedBy(op)
    const wanted = this.#model.apply(op, { span, actual })
    if (!sameOutcome(op, actual, wanted)) throw new Error(`should be ${show(wanted)}`)
    await this.#note(op, touched, actual)
    this.#checkArrived([this.#model])
  }

  async #wait(span: number): Promise<Outcome> {
    await new Promise<void>(done => this.#clock.after(span, done))
    return { value: undefined }
  }

  #touchedBy(op: Op): string[] {
    if ('path' in op) return [op.path, ...('to' in op ? [op.to] : [])]
    const reads = ['read', 'fstat', 'wait', 'fsync'].includes(op.op)
    const path = 'slot' in op && !reads ? this.#pathOf(op.slot) : undefined
    return path === undefined ? [] : [path]
  }

  /** What an fsync promises, and which promises an operation ends. */
  async #note(op: Op, touched: readonly string[], actual: Outcome): Promise<void> {
    for (const path of this.#safe) {
      if (touched.some(one => `${path}/`.startsWith(`${one}/`))) this.#safe.delete(path)
    }
    if (op.op !== 'fsync' || 'errno' in actual) return
    const path = this.#pathOf(op.slot)
    if (path === undefined) return
    this.#safe.add(path)
    const entry = this.#model.find(path)
    if (this.#options.fsync !== 'bucket' || entry?.kind !== 'file') return
    const stored = await objectOf(this.#memory, path).catch(() => undefined)
    if (!stored || !Buffer.from(stored.bytes).equals(entry.bytes)) {
      throw new Error(`${path} was fsynced and is not in the bucket as it is`)
    }
  }

  /** What could not be noted for want of room may be noted later, or be lost with a crash: the time of a write. */
  #timesOpen(op: Op): void {
    const file = 'slot' in op ? this.#model.slots.get(op.slot)?.file : undefined
    if (file) file.mtime = ANY_TIME
  }

  /** Times that the mount shows and could not note go to the bucket with the next change: all files get one. */
  async #setTimes(): Promise<void> {
    const span = ANY_TIME
    for (const [path, { kind }] of this.#untimed ? [...this.#model.all()] : []) {
      if (kind !== 'file') continue
      const op: Op = { op: 'utimens', path, mtime: 1_000_000_000n }
      const actual = await this.#clock.run(this.#driver.apply(op))
      if ('errno' in actual) throw new Error(`utimens of ${path}: ${actual.errno}`)
      this.#model.apply(op, { span, actual })
    }
  }

  #pathOf(slot: number): string | undefined {
    const file = this.#model.slots.get(slot)?.file
    for (const [path, entry] of this.#model.all()) if (entry === file) return path
    return undefined
  }

  async #watch(key: string): Promise<void> {
    const { bytes } = await objectOf(this.#memory, key).catch(() => ({ bytes: new Uint8Array(0) }))
    this.#arrived.set(
      hashOf(bytes),
      `${key} arrived with ${bytes.length} bytes at ${this.#clock.now()}`,
    )
  }

  /** Whatever arrived must have been a file's whole content at some moment. */
  #checkArrived(models: readonly ReferenceModel[]): void {
    const add = (entry: Entry) => {
      if (entry.kind !== 'directory') this.#contents.add(hashOf(entry.bytes))
    }
    for (const model of models) {
      for (const [, entry] of model.all()) add(entry)
      for (const { file } of model.slots.values()) add(file)
    }
    for (const [hash, text] of this.#arrived) {
      if (!this.#contents.has(hash)) throw new Error(`never a file's content: ${text}`)
    }
    this.#arrived.clear()
  }

  async #afterCrash(op: Op, span: Times): Promise<void> {
    const { crash } = this.#options
    this.#crashes += 1
    this.#history.push(`  ${crash} at ${this.#clock.now()}`)
    if (this.#untimed) loosenAll(this.#model)
    loosen(this.#model)
    const done = this.#model.copy()
    done.apply(op, { span, actual: { errno: '' } })
    loosen(done)
    const open = 'slot' in op ? this.#pathOf(op.slot) : undefined
    const changed = 'path' in op ? op.path : open
    const touched = this.#touchedBy(op)
    this.#checkArrived([this.#model, done])
    for (const model of [this.#model, done]) model.closeAll()
    this.#full = false
    this.#start(this.#core.journal.reopen(), this.#span())
    while (this.#random() < (this.#options.again ?? 0)) await this.#dieAgain()
    const { left } = this.#mortal
    this.#mortal.left = IMMORTAL
    this.#core.faulty.setRates({})
    if (crash === 'kill') await this.#afterKill(done, changed)
    else await this.#afterPower(touched)
    this.#mortal.left = left
    this.#core.faulty.setRates(this.#options.rates)
    this.#checkArrived([this.#model])
  }

  /** The daemon dies while it takes up what the one before left, on the network as it is. */
  async #dieAgain(): Promise<void> {
    const span = this.#random() * this.#random() * 5000
    await this.#clock.run(Promise.race([this.#clock.sleep(span), this.#crashed]))
    this.#mortal.die()
    this.#crashes += 1
    this.#history.push(`  and again at ${this.#clock.now()}`)
    this.#start(this.#core.journal.reopen(), this.#span())
  }

  /** All is there that was acknowledged; what was under way is there or not. */
  async #afterKill(done: ReferenceModel, changed: string | undefined): Promise<void> {
    const before = await this.#differences(this.#model.copy())
    if (before.length > 0) {
      const mixed = changed === undefined ? undefined : await this.#mixed(done, changed)
      const after = await this.#differences(done.copy())
      if (after.length > 0 && !mixed) {
        throw new Error(
          `after the kill: ${before.join('; ')}\nor, had it been done: ${after.join('; ')}`,
        )
      }
      this.#model = done
    }
    // Takes over the times that are seen.
    const wrong = await this.#differences(this.#model)
    if (wrong.length > 0) throw new Error(`after the kill: ${wrong.join('; ')}`)
  }

  /** A write that was under way may be there in part: takes that over into `done`. */
  async #mixed(done: ReferenceModel, path: string): Promise<boolean> {
    const [from, to] = [this.#model.find(path), done.find(path)]
    if (from?.kind !== 'file' || to?.kind !== 'file') return false
    const is = await this.#core.bytes(path).catch(() => undefined)
    if (!is || (is.length !== from.bytes.length && is.length !== to.bytes.length)) return false
    if (is.some((byte, at) => byte !== (from.bytes[at] ?? 0) && byte !== to.bytes[at])) return false
    to.bytes = is
    to.mtime = ANY_TIME
    return true
  }

  /** What was fsynced and not touched since is there; the rest is taken as it is found. */
  async #afterPower(touched: readonly string[]): Promise<void> {
    for (const { key, parked } of this.#core.context.writeBack.all()) {
      if (!parked?.doubtful) continue
      // What was fsynced is whole; that it is asked after all the same costs a person a look. It is made to go on.
      if (this.#safe.has(key)) await this.#core.set(key, { perm: 0o600 })
      else await this.#core.unlink(key)
    }
    // A file that was sent and not fsynced may come back older than it is in the bucket: a conflict with ourselves.
    // What else waits for one that is removed goes then.
    for (let removed = true; removed;) {
      await this.#core.drain()
      removed = await removeUnmade(this.#core)
    }
    const found = await this.#clock.run(modelOf(this.#core))
    for (const path of this.#safe) {
      if (touched.some(one => `${path}/`.startsWith(`${one}/`))) continue
      const [should, is] = [this.#model.find(path), found.find(path)]
      if (should?.kind !== 'file') continue
      if (is?.kind !== 'file' || !Buffer.from(is.bytes).equals(should.bytes)) {
        throw new Error(`${path} was fsynced and is lost by the power cut`)
      }
    }
    this.#model = found
  }

  #differences(model: ReferenceModel): Promise<string[]> {
    return this.#clock.run(treeDifferences(this.#core, model))
  }

  async #end(): Promise<void> {
    this.#history.push('the network is well, all is sent')
    this.#mortal.left = IMMORTAL
    this.#core.faulty.setRates({})
    this.#setFull(false)
    await this.#clock.run(this.#driver.closeAll())
    this.#model.closeAll()
    await this.#setTimes()
    const left = await this.#core.drain(86_400_000)
    await this.#clock.pass(120_000)
    const fresh = this.#core.other({ time: this.#clock, faults: {} })
    const wrong = [
      ...(left > 0 ? [`${left} keys are left`] : []),
      ...(await this.#differences(this.#model)),
      ...(await bucketDifferences(this.#core, this.#model)),
      ...leftovers(this.#core),
      ...(await this.#clock.run(treeDifferences(fresh, this.#model))).map(text => `fresh: ${text}`),
    ]
    this.#checkArrived([this.#model])
    this.#core.stop()
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
  }
}
