/** What a simulated life sees and cannot know exactly: times, and errors that come and go. */
import { createHash } from 'node:crypto'
import { sourceOf } from '../../src/writeback/plan.ts'
import type { Core } from '../support/core.ts'
import type { Outcome } from '../support/file-ops.ts'
import type { ReferenceModel, Span } from '../support/reference-model.ts'

export const ANY_TIME: Span = { from: 0n, to: 1n << 70n }

/** A time that a crash may have taken: what a write set and no close has recorded. */
export function loosen(model: ReferenceModel): void {
  for (const { file } of model.slots.values()) file.mtime = ANY_TIME
}

/** After a full disk, which may have taken any. */
export function loosenAll(model: ReferenceModel): void {
  for (const [, entry] of model.all()) entry.mtime = ANY_TIME
}

/** A read or an fsync gave up after its time. */
export function isWeather(outcome: Outcome): boolean {
  return 'errno' in outcome && ['ETIMEDOUT', 'EIO'].includes(outcome.errno)
}

export function isFull(outcome: Outcome): boolean {
  return 'errno' in outcome && outcome.errno === 'ENOSPC'
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

export function show(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one))
}

/**
 * After a power cut the journal of before may say that something is to be made from what the bucket of now has not any
 * more: a person removes it. Whether there was any.
 */
export async function removeUnmade(core: Core): Promise<boolean> {
  let removed = false
  const left = [...core.context.writeBack.all()]
  for (const { key, parked, desired } of left) {
    const source = parked && sourceOf(desired)
    if (!source) continue
    const head = await core.memory.head(source.key).catch(() => undefined)
    if (head?.etag === source.etag) continue
    await core.unlink(key)
    removed = true
  }
  return removed
}
