/** The reference store under the suite that every store has to pass. */
import t from 'tap'
import { MemoryStore } from '../../../src/store/memory/memory-store.ts'
import { storeConformance } from '../../conformance/store.ts'
import { seeded } from '../../support/virtual-clock.ts'

const clock = { now: () => Date.now(), after: () => ({ cancel() {} }) }

const make = async (): Promise<MemoryStore> => new MemoryStore({ clock, random: seeded(1) })

await storeConformance(t, 'memory', make)
