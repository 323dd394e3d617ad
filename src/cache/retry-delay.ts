/** How long a read waits before its next attempt: backoff with jitter, and not less than the server asked for. */
import { backoff } from '../core/backoff.ts'
import { StoreError } from '../core/errors.ts'
import type { Random } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'

/** A person waits at the other end: ask again every few seconds, until the read's deadline. */
const LIMITS = { base: 100, cap: 5_000 }

/** `failures` counts those in a row without a byte in between, from 1. */
export function retryDelay(failures: number, error: unknown, random: Random): Milliseconds {
  const asked = error instanceof StoreError ? (error.details.retryAfter ?? 0) : 0
  return Math.max(asked, backoff(failures, random, LIMITS))
}
