/**
 * Two mounts of one bucket add lines to the same files, on a bad network: in the end each line is in the file or in
 * a conflict file beside it, whoever came first.
 */
import t, { type Test } from 'tap'
import { FsError } from '../../src/core/errors.ts'
import { StoreDecorator, type Call } from '../../src/store/decorator.ts'
import type { ObjectStore } from '../../src/store/store.ts'
import type { Clock } from '../../src/core/ports.ts'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import type { FaultRates } from '../../src/store/memory/faults.ts'
import { bucketOf } from '../support/bucket-view.ts'
import { BOTH, Core, TINY, WRITE, type CoreOptions } from '../support/core.ts'
import { seeded, VirtualClock } from '../support/virtual-clock.ts'

const ONE = process.env['PAILFS_SEED']
const SEEDS = Number(process.env['PAILFS_SEEDS'] ?? 150)
const LONG = { timeout: 36_000_000 }
const ROUGH = { refused: 0.05, lost: 0.08, throttled: 0.03, torn: 0.1 }

t.setTimeout(LONG.timeout)

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

class Pair {
  readonly clock = new VirtualClock()
  readonly random: () => number
  readonly memory: MemoryStore
  readonly cores: readonly Core[]
  /** Lines that a write was acknowledged for. */
  readonly lines: string[] = []
  readonly history: string[] = []
  #count = 0

  constructor(seed: number, rates: FaultRates) {
    this.random = seeded(seed)
    const { clock, random } = this
    this.memory = new MemoryStore({ clock, random, limits: TINY, etags: 'unique' })
    const options = {
      partSize: 8192,
      clock,
      random,
      memory: this.memory,
      faults: { rates, delay: [0, 300] },
    } as const
    const core = (host: string): Core => {
      // Two machines' clocks are never the same.
      const offset = this.random() * 100
      const time: Clock = { now: () => clock.now() + offset, after: (d, f) => clock.after(d, f) }
      const around = (store: ObjectStore) =>
        new Told(store, line => this.history.push(`${host}: ${line} at ${clock.now()}`))
      const more: CoreOptions = {
        ...options,
        time,
        around,
        fs: { host, metadataTtl: this.#int(2) * 5000 },
      }
      return new Core(more)
    }
    this.cores = [core('one'), core('two')]
  }

  async live(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      await this.clock.run(Promise.all(this.cores.map((core, at) => this.#act(core, at))))
    }
    for (const core of this.cores) core.faulty.setRates({})
    for (const core of [...this.cores, ...this.cores]) await core.drain()
    const objects = await bucketOf(this.memory)
    const all = [...objects.values()].map(({ bytes }) => new TextDecoder().decode(bytes)).join('')
    const lost = this.lines.filter(line => !all.includes(line))
    if (lost.length > 0)
      throw new Error(`lost: ${lost.join(' ')}in ${[...objects.keys()].join(' ')}`)
    for (const core of this.cores) {
      const pending = [...core.writeBack.all()].map(
        ({ key, parked }) => `${key} ${parked?.message}`,
      )
      if (pending.length > 0) throw new Error(`not sent: ${pending.join(', ')}`)
      if (core.journal.stages().length > 0) throw new Error('staged files are left')
    }
    const uploads = await this.memory.listUploads('')
    if (uploads.length > 0) throw new Error(`${uploads.length} uploads are left`)
  }

  #int(below: number): number {
    return Math.floor(this.random() * below)
  }

  async #act(core: Core, at: number): Promise<void> {
    const path = ['a', 'b'][this.#int(2)]!
    // Long lines make objects that go in parts.
    const line = `<${at}:${this.#count++}${'.'.repeat(this.#int(2) * this.#int(400))}>\n`
    const how = this.#int(4)
    try {
      if (how === 0) return await core.clock.sleep(this.#int(4000))
      await (how === 1
        ? this.#rewrite(core, path, line)
        : this.#append(core, path, line, how === 2))
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      this.history.push(`${core.context.options.host}: ${path} ${error.message}`)
    }
  }

  async #append(core: Core, path: string, line: string, sync: boolean): Promise<void> {
    const handle = await core.open(path, { flags: { ...WRITE, append: true }, create: true })
    try {
      await core.fs.write(handle, new TextEncoder().encode(line), 0)
      this.#done(core, path, line)
      if (sync) await core.fs.fsync(handle, false)
    } finally {
      await core.close(handle)
    }
  }

  /** All of it is read, a line added, all of it written. */
  async #rewrite(core: Core, path: string, line: string): Promise<void> {
    const handle = await core.open(path, { flags: BOTH })
    try {
      const { size } = await core.fs.getattr(0, handle)
      const into = new Uint8Array(size)
      const got = await core.fs.read(handle, into, 0)
      const text = new TextDecoder().decode(into.subarray(0, got)) + line
      await core.fs.write(handle, new TextEncoder().encode(text), 0)
      this.#done(core, path, line)
    } finally {
      await core.close(handle)
    }
  }

  #done(core: Core, path: string, line: string): void {
    this.lines.push(line)
    this.history.push(
      `${core.context.options.host}: ${path} ${line.slice(0, 12).trim()} at ${this.clock.now()}`,
    )
  }
}

async function pairs(t: Test, rates: FaultRates): Promise<void> {
  const first = ONE === undefined ? 1 : Number(ONE)
  const last = ONE === undefined ? SEEDS : first
  let conflicts = 0
  for (let seed = first; seed <= last; seed++) {
    const pair = new Pair(seed, rates)
    try {
      await pair.live(25)
      for (const core of pair.cores) conflicts += core.context.conflicts.length
    } catch (error) {
      t.fail(`PAILFS_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`)
      t.comment(pair.history.slice(ONE === undefined ? -20 : 0).join('\n'))
      return
    }
  }
  t.ok(ONE !== undefined || conflicts > 0, `${last - first + 1} pairs, ${conflicts} conflict files`)
}

t.test('no line is lost', LONG, t => pairs(t, {}))

t.test('no line is lost on a bad network', LONG, t => pairs(t, ROUGH))
