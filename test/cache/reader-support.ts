/** What the reader's tests share: a mount's worth of reader over a faulty store, and objects whose bytes tell their version. */
import { StoreError } from '../../src/core/errors.ts'
import type { ObjectVersion } from '../../src/core/types.ts'
import { CachedReader } from '../../src/cache/object-reader.ts'
import type { ObjectReaderOptions } from '../../src/cache/object-reader.ts'
import { CountingStore } from '../../src/store/memory/counting.ts'
import { FaultyStore } from '../../src/store/memory/faults.ts'
import type { FaultOptions } from '../../src/store/memory/faults.ts'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import { VirtualClock, seeded } from '../support/virtual-clock.ts'

export const MIB = 2 ** 20
export const KIB = 1024

export interface Setting {
  readonly clock: VirtualClock
  readonly memory: MemoryStore
  readonly counting: CountingStore
  readonly faulty: FaultyStore
  readonly reader: CachedReader
}

export function setting(
  options: Partial<ObjectReaderOptions> = {},
  faults: Partial<FaultOptions> = {},
  seed = 1,
): Setting {
  const clock = new VirtualClock()
  const random = seeded(seed)
  const memory = new MemoryStore({ clock, random, etags: 'unique' })
  const faulty = new FaultyStore(memory, { clock, random, ...faults })
  const counting = new CountingStore(faulty)
  const reader = new CachedReader({ store: counting, clock, random, ...options })
  return { clock, memory, counting, faulty, reader }
}

/** The byte at an offset of a version. */
export function byteAt(salt: number, offset: number): number {
  return (offset * 31 + (offset >>> 9) * 7 + (offset >>> 17) * 13 + salt * 101) & 0xff
}

/** Puts an object of made-up bytes there. */
export function plant(store: MemoryStore, key: string, size: number, salt = 0): ObjectVersion {
  return store.plant(key, size, (offset, into) => {
    for (let at = 0; at < into.length; at++) into[at] = byteAt(salt, offset + at)
  })
}

/** Whether the bytes are those of the version: the first bad offset, or -1. */
export function firstBad(bytes: Uint8Array, offset: number, salt = 0): number {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== byteAt(salt, offset + at)) return at
  return -1
}

export async function kindOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'ok'
  } catch (error) {
    return error instanceof StoreError ? error.kind : `not a StoreError: ${String(error)}`
  }
}
