/** A bad network: every request may meet one of the faults of test/support/proxy-faults.ts, by a seeded choice. */
import type { Fault } from '../support/proxy-faults.ts'
import type { Injection, Proxy, Recorded } from '../support/proxy.ts'

/** What can go wrong, with how many of a thousand requests. */
const FAULTS: readonly [number, Fault, (request: Recorded) => boolean][] = [
  [20, { do: 'delay', ms: 700 }, all],
  [15, { do: 'reset' }, all],
  [15, { do: 'reset', afterBytes: 3000 }, all],
  [15, { do: 'truncate', bytes: 2000 }, all],
  [15, { do: 'lose-reply' }, all],
  [5, { do: 'stall' }, all],
  [5, { do: 'stall', afterBytes: 1000 }, all],
  [10, { do: 'corrupt-request', at: 17 }, ({ kind }) => /^(PutObject|UploadPart)$/.test(kind)],
  [20, { do: 'status', status: 503, code: 'SlowDown', headers: { 'retry-after': '1' } }, all],
  [10, { do: 'status', status: 500, code: 'InternalError' }, all],
  [5, { do: 'status', status: 502, code: 'BadGateway' }, all],
  [5, { do: 'status', status: 403, code: 'ExpiredToken' }, all],
]

function all(): boolean {
  return true
}

export interface Storm {
  /** How many requests met a fault, by fault. */
  readonly hits: () => Record<string, number>
  end(): void
}

/** Until `end`. The same seed and the same requests give the same faults. `strength` 1: about one request in seven. */
export function startStorm(proxy: Proxy, seed: number, strength = 1): Storm {
  const random = randomFrom(seed)
  const armed: [string, Injection][] = FAULTS.map(([often, fault, fits]) => {
    const where = (request: Recorded) => fits(request) && random() * 1000 < often * strength
    const name = fault.do === 'status' ? String(fault.status) : fault.do
    return [name, proxy.inject({ where }, fault, Infinity)]
  })
  return {
    hits: () => {
      const sum: Record<string, number> = {}
      for (const [name, { hits }] of armed) sum[name] = (sum[name] ?? 0) + hits
      return sum
    },
    end: () => {
      for (const [, injection] of armed) injection.remove()
    },
  }
}

/** A seeded source of chance in [0, 1): a linear congruential generator (Numerical Recipes). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
