/**
 * Waiting times between attempts: full jitter, so that clients that failed together do not come back together.
 */
import type { Random } from './ports.ts'
import type { Milliseconds } from './types.ts'

export interface BackoffLimits {
  /** The longest wait after the first failure; doubles with each further one. */
  readonly base: Milliseconds
  /** No wait is longer. */
  readonly cap: Milliseconds
}

/** 100 ms doubling up to 30 s. */
export const BACKOFF: BackoffLimits = { base: 100, cap: 30_000 }

/** How long to wait after failure number `attempt` (from 1): anything up to the bound, but a tenth of it at least. */
export function backoff(
  attempt: number,
  random: Random,
  limits: BackoffLimits = BACKOFF,
): Milliseconds {
  const bound = Math.min(limits.cap, limits.base * 2 ** Math.min(Math.max(0, attempt - 1), 50))
  return Math.ceil(bound / 10 + random() * (bound - bound / 10))
}
