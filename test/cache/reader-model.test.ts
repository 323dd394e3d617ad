/**
 * The reader under everything at once: many readers of objects that change, a small arena, a bad network. Every read
 * gives bytes of exactly its version, or `changed`; frames are never more than the arena has; all come back.
 */
import t from 'tap'
import { PAGE_SIZE } from '../../src/core/page.ts'
import type { ObjectVersion } from '../../src/core/types.ts'
import { seeded } from '../support/virtual-clock.ts'
import { KIB, firstBad, kindOf, plant, setting } from './reader-support.ts'

/** More by hand: PAILFS_SEEDS=1000. */
const SEEDS = Number(process.env['PAILFS_SEEDS'] ?? 10)
const KEYS = ['a', 'b', 'c']
const RATES = { refused: 0.05, lost: 0.03, throttled: 0.03, torn: 0.15, short: 0.05, stalled: 0.02 }

async function scenario(t: Tap, seed: number, pages: number): Promise<Record<string, number>> {
  const options = { cacheBytes: pages * PAGE_SIZE, maxFetch: (seed % 2 === 0 ? 4 : 64) * PAGE_SIZE }
  const { clock, memory, reader } = setting(
    options,
    { delay: [1, 30], rates: RATES, chunk: 50_000 },
    seed,
  )
  const random = seeded(seed + 1000)
  const pick = (limit: number): number => Math.floor(random() * limit)
  const salts = new Map<string, number>()
  const outcomes: Record<string, number> = {}
  const replace = (key: string): void => {
    const salt = salts.size + 1
    salts.set(plant(memory, key, pick((seed % 3 === 0 ? 40 : 12) * PAGE_SIZE), salt).etag, salt)
  }
  const check = async (version: ObjectVersion): Promise<void> => {
    const offset = pick(version.size + 10)
    const into = new Uint8Array(1 + pick(3 * PAGE_SIZE))
    const ahead = pick(2) === 0 ? { start: offset, end: offset + pick(30 * PAGE_SIZE) } : undefined
    const abort = new AbortController()
    if (pick(10) === 0) clock.after(pick(300), () => abort.abort())
    const read = reader.read(version, offset, into, ahead, abort.signal)
    const kind = await kindOf(read)
    outcomes[kind] = (outcomes[kind] ?? 0) + 1
    if (kind !== 'ok') return
    const count = await read
    const expected = Math.max(0, Math.min(into.length, version.size - offset))
    if (count !== expected) t.fail(`short read: ${count} of ${expected}, seed ${seed}`)
    const bad = firstBad(into.subarray(0, count), offset, salts.get(version.etag))
    if (bad >= 0) t.fail(`wrong byte at ${offset + bad} of ${version.key}, seed ${seed}`)
  }
  const client = async (): Promise<void> => {
    let known: string | undefined
    for (let turn = 0; turn < 6; turn++) {
      const version = await reader.revalidate(KEYS[pick(KEYS.length)] ?? 'a', known)
      known = version.etag
      for (let at = pick(4); at >= 0; at--) {
        await (pick(3) === 0 ? Promise.all([check(version), check(version)]) : check(version))
      }
      if (pick(3) === 0) reader.quiet(version)
    }
  }
  const writer = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) {
      await clock.sleep(pick(400))
      replace(KEYS[pick(KEYS.length)] ?? 'a')
      const { loading, ready, capacity } = reader.state
      if (loading + ready > capacity || reader.bytes > pages * PAGE_SIZE) t.fail('over the arena')
    }
  }
  for (const key of KEYS) replace(key)
  await clock.run(Promise.all([writer(), ...Array.from({ length: 8 }, client)]))
  await clock.pass(120_000)
  const { loading, gets, waiting } = reader.state
  if (loading + gets + waiting + clock.pending > 0) {
    t.fail(
      `left over, seed ${seed}: ${JSON.stringify({ loading, gets, waiting, timers: clock.pending })}`,
    )
  }
  return outcomes
}

type Tap = typeof t

t.test('bytes of exactly one version, in a bounded arena', async t => {
  const total: Record<string, number> = {}
  for (let seed = 0; seed < SEEDS; seed++) {
    const outcomes = await scenario(t as unknown as Tap, seed, [1, 2, 5, 16, 64][seed % 5] ?? 1)
    for (const [kind, count] of Object.entries(outcomes)) total[kind] = (total[kind] ?? 0) + count
  }
  t.comment(JSON.stringify(total))
  t.ok((total['ok'] ?? 0) > 300)
  t.ok((total['changed'] ?? 0) > 10)
  t.strictSame(
    Object.keys(total).filter(kind => !['ok', 'changed', 'aborted', 'timeout'].includes(kind)),
    [],
  )
})

t.test('many readers of one small arena all get through', async t => {
  const { clock, memory, reader } = setting({ cacheBytes: 2 * PAGE_SIZE }, { delay: [1, 3] })
  const version = plant(memory, 'k', 40 * PAGE_SIZE)
  const reads = Array.from({ length: 40 }, (_, at) => {
    const into = new Uint8Array(3 * PAGE_SIZE)
    const offset = at * PAGE_SIZE + 10 * KIB
    return reader
      .read(version, offset, into, undefined)
      .then(count => firstBad(into.subarray(0, count), offset))
  })
  t.ok((await clock.run(Promise.all(reads))).every(bad => bad === -1))
  t.ok(reader.bytes <= 2 * PAGE_SIZE)
  t.equal(reader.state.loading, 0)
})
