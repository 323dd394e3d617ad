/**
 * Two mounts of one bucket add lines to the same files, on a bad network, and are killed: in the end each line that was
 * acknowledged is in the file or in a conflict file beside it, whoever came first.
 */
import { FsError } from '../../src/core/errors.ts'
import { StoreDecorator, type Call } from '../../src/store/decorator.ts'
import type { ObjectStore } from '../../src/store/store.ts'
import type { Clock } from '../../src/core/ports.ts'
import type { FsOptions } from '../../src/fs/context.ts'
import { MemoryJournal } from '../../src/journal/memory-journal.ts'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import type { FaultRates } from '../../src/store/memory/faults.ts'
import { bucketOf } from '../support/bucket-view.ts'
import { BOTH, Core, TINY, WRITE } from '../support/core.ts'
import { seeded, VirtualClock } from '../support/virtual-clock.ts'
import { IMMORTAL, MortalClock } from './mortal.ts'

export interface PairOptions {
  readonly rates: FaultRates
  /** Mean number of timers that fire between a mount's deaths by kill; Infinity: none dies. */
  readonly between: number
}

/** Tells of each request that writes. */
class Told extends StoreDecorator {
  readonly #tell: (line: string) => void

  constructor(store: ObjectStore, tell: (line: string) => void) {
    super(store)
    this.#tell = tell
  }

  protected override async around<T>({ operation, key }: Call, run: () => Promise<T>): Promise<T> {
    try {
      const result = await run()
      if (!['head', 'list'].includes(operation))
        this.#tell(`${operation} ${key}: ${JSON.stringify(result)}`)
      return result
    } catch (error) {
      this.#tell(`${operation} ${key}: ${String(error)}`)
      throw error
    }
  }
}

/** One of the two machines: its daemon as it is now. */
interface Machine {
  readonly host: string
  core: Core
  mortal: MortalClock
  crashed: Promise<void>
}

export class Pair {
  readonly clock = new VirtualClock()
  readonly history: string[] = []
  crashes = 0
  conflicts = 0
  readonly #random: () => number
  readonly #memory: MemoryStore
  readonly #options: PairOptions
  readonly #machines: readonly Machine[]
  /** Lines that a write was acknowledged for. */
  readonly #lines: string[] = []
  #count = 0

  constructor(seed: number, options: PairOptions) {
    this.#random = seeded(seed)
    this.#options = options
    const { clock } = this
    this.#memory = new MemoryStore({ clock, random: this.#random, limits: TINY, etags: 'unique' })
    this.#machines = [this.#machine('one'), this.#machine('two')]
  }

  /** Lives; rejects with what is wrong. */
  async live(): Promise<void> {
    for (let step = 0; step < 25; step++) {
      await this.clock.run(Promise.all(this.#machines.map((machine, at) => this.#act(machine, at))))
    }
    for (const { core, mortal } of this.#machines) {
      mortal.left = IMMORTAL
      core.faulty.setRates({})
    }
    const cores = this.#machines.map(({ core }) => core)
    for (const core of [...cores, ...cores]) await core.drain()
    for (const core of cores) this.conflicts += core.context.conflicts.length
    const objects = await bucketOf(this.#memory)
    const all = [...objects.values()].map(({ bytes }) => new TextDecoder().decode(bytes)).join('')
    const lost = this.#lines.filter(line => !all.includes(line))
    if (lost.length > 0)
      throw new Error(`lost: ${lost.join(' ')}in ${[...objects.keys()].join(' ')}`)
    for (const core of cores) {
      const pending = [...core.writeBack.all()].map(
        ({ key, parked }) => `${key} ${parked?.message}`,
      )
      if (pending.length > 0) throw new Error(`not sent: ${pending.join(', ')}`)
      if (core.journal.stages().length > 0) throw new Error('staged files are left')
    }
    const uploads = await this.#memory.listUploads('')
    if (uploads.length > 0) throw new Error(`${uploads.length} uploads are left`)
  }

  #machine(host: string): Machine {
    // Two machines' clocks are never the same.
    const offset = this.#random() * 100
    const metadataTtl = this.#int(2) * 5000
    const machine = { host } as Machine
    this.#start(machine, { host, metadataTtl }, offset, new MemoryJournal())
    return machine
  }

  /** Starts the machine's daemon; when it dies, the next. */
  #start(machine: Machine, fs: Partial<FsOptions>, offset: number, journal: MemoryJournal): void {
    const { clock } = this
    const { rates, between } = this.#options
    const { host } = machine
    let die!: () => void
    machine.crashed = new Promise(resolve => (die = resolve))
    const mortal = new MortalClock(clock, () => {
      this.history.push(`${host}: killed at ${clock.now()}`)
      this.crashes += 1
      this.conflicts += core.context.conflicts.length
      core.faulty.kill()
      journal.crash('kill')
      core.stop()
      die()
      this.#start(machine, fs, offset, journal.reopen())
    })
    if (between < Infinity) mortal.left = { ...IMMORTAL, timers: 1 + this.#int(2 * between) }
    const time: Clock = { now: () => clock.now() + offset, after: (d, f) => mortal.after(d, f) }
    const core = new Core({
      partSize: 8192,
      cacheBytes: 1 << 20,
      clock,
      random: this.#random,
      memory: this.#memory,
      journal,
      faults: { clock: mortal.network, rates, delay: [0, 300] },
      time,
      around: store =>
        new Told(store, line => this.history.push(`${host}: ${line} at ${clock.now()}`)),
      fs,
    })
    Object.assign(machine, { core, mortal })
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below)
  }

  async #act(machine: Machine, at: number): Promise<void> {
    const { core, crashed } = machine
    await Promise.race([this.#work(core, machine, at), crashed])
  }

  async #work(core: Core, { mortal }: Machine, at: number): Promise<void> {
    const path = ['a', 'b'][this.#int(2)]!
    // Long lines make objects that go in parts.
    const line = `<${at}:${this.#count++}${'.'.repeat(this.#int(2) * this.#int(400))}>\n`
    const how = this.#int(4)
    try {
      if (how === 0) return await this.clock.sleep(this.#int(4000))
      const done = () => {
        // A daemon that is dead by now has told nobody.
        if (!mortal.dead) this.#done(core, path, line)
      }
      await (how === 1
        ? this.#rewrite(core, path, line, done)
        : this.#append(core, path, line, how === 2, done))
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      this.history.push(`${core.context.options.host}: ${path} ${error.message}`)
    }
  }

  async #append(
    core: Core,
    path: string,
    line: string,
    sync: boolean,
    done: () => void,
  ): Promise<void> {
    const handle = await core.open(path, { flags: { ...WRITE, append: true }, create: true })
    try {
      await core.fs.write(handle, new TextEncoder().encode(line), 0)
      done()
      if (sync) await core.fs.fsync(handle, false)
    } finally {
      await core.close(handle)
    }
  }

  /** All of it is read, a line added, all of it written. */
  async #rewrite(core: Core, path: string, line: string, done: () => void): Promise<void> {
    const handle = await core.open(path, { flags: BOTH })
    try {
      const { size } = await core.fs.getattr(0, handle)
      const into = new Uint8Array(size)
      const got = await core.fs.read(handle, into, 0)
      const text = new TextDecoder().decode(into.subarray(0, got)) + line
      await core.fs.write(handle, new TextEncoder().encode(text), 0)
      done()
    } finally {
      await core.close(handle)
    }
  }

  #done(core: Core, path: string, line: string): void {
    this.#lines.push(line)
    this.history.push(
      `${core.context.options.host}: ${path} ${line.slice(0, 12).trim()} at ${this.clock.now()}`,
    )
  }
}
