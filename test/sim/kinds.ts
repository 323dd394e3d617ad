/** The kinds of simulated lives: what goes wrong in each, and what its programs do. */
import { Pair, type PairOptions } from './pair.ts'
import { World, type SimOptions } from './world.ts'

/** A life by its seed; `live` rejects with what is wrong. */
export interface Life {
  readonly history: readonly string[]
  readonly crashes: number
  /** Conflict files that were made. */
  readonly conflicts?: number
  live(): Promise<void>
}

const CALM: SimOptions = { steps: 60, crash: 'none', between: 0, rates: {}, fsync: 'bucket' }
const ROUGH = { refused: 0.05, lost: 0.08, throttled: 0.03, stalled: 0.01, torn: 0.1, short: 0.05 }
const ROUGH_FOR_TWO = { refused: 0.05, lost: 0.08, throttled: 0.03, torn: 0.1 }
const KILLED: SimOptions = { ...CALM, crash: 'kill', between: 25, again: 0.3, rates: ROUGH }
const POWER: SimOptions = { ...KILLED, crash: 'power' }
const LARGE = { workload: 'large' } as const
/** A server with the least that one can have. */
const PLAIN = {
  features: { conditionalPut: false, createExclusive: false, partCopy: false, deleteBatch: 1 },
}

const ONE_MOUNT: Readonly<Record<string, SimOptions>> = {
  'answers take their time': CALM,
  'a bad network': { ...CALM, rates: ROUGH },
  'large files, a bad network': { ...CALM, ...LARGE, rates: ROUGH },
  'the disk is full at times': { ...CALM, full: true, rates: ROUGH },
  'killed at any await or change of the disk': { ...KILLED, between: 15, rates: {} },
  'killed on a bad network': KILLED,
  'large files, killed': { ...KILLED, ...LARGE, between: 15, rates: {} },
  'large files, killed on a bad network': { ...KILLED, ...LARGE },
  'large files, killed, the disk full at times': { ...KILLED, ...LARGE, full: true },
  'killed, on a server without conditions': { ...KILLED, store: PLAIN },
  'large files, killed, on a server without conditions': { ...KILLED, ...LARGE, store: PLAIN },
  'power cuts, fsync to the bucket': POWER,
  'power cuts, fsync to the journal': { ...POWER, fsync: 'journal' },
  'large files, power cuts': { ...POWER, ...LARGE },
  'large files, power cuts, fsync to the journal': { ...POWER, ...LARGE, fsync: 'journal' },
}

const TWO_MOUNTS: Readonly<Record<string, PairOptions>> = {
  'two mounts': { rates: {}, between: Infinity },
  'two mounts on a bad network': { rates: ROUGH_FOR_TWO, between: Infinity },
  'two mounts, killed on a bad network': { rates: ROUGH_FOR_TWO, between: 60 },
}

export const KINDS: readonly string[] = [...Object.keys(ONE_MOUNT), ...Object.keys(TWO_MOUNTS)]

/** Throws where there is no such kind. */
export function newLife(kind: string, seed: number): Life {
  const one = ONE_MOUNT[kind]
  if (one) return new World(seed, one)
  const two = TWO_MOUNTS[kind]
  if (two) return new Pair(seed, two)
  throw new Error(`no kind of life: ${kind}`)
}
