/**
 * What a staged file knows of itself, apart from any disk: which bytes are its own and which the base's.
 *
 * Each change is in two steps, so that the disk can come between them: `after...` computes the next own list or
 * limit, the caller makes that durable, and `wrote`, `truncated`, `filled`, `rebased` take it over. Both the real
 * journal and the simulated one are built on this.
 *
 * Invariants: `baseLimit <= size`; `own` lies below `baseLimit`.
 */
import { add, clip } from '../core/extents.ts'
import type { Source } from '../core/state.ts'
import type { Bytes, Range } from '../core/types.ts'

export interface StageFacts {
  readonly base: Source | undefined
  readonly size: Bytes
  readonly baseLimit: Bytes
  readonly own: readonly Range[]
}

/** The facts of a new stage: all of the base's bytes, or none. */
export function freshFacts(base: Source | undefined): StageFacts {
  const size = base?.size ?? 0
  return { base, size, baseLimit: size, own: [] }
}

/** The own list once the bytes of `range` are the stage's; the same list if that changes nothing. */
export function ownAfter(facts: StageFacts, range: Range): readonly Range[] {
  const end = Math.min(range.end, facts.baseLimit)
  return range.start >= end ? facts.own : add(facts.own, { start: range.start, end })
}

/** The facts after bytes were written to `range`. */
export function afterWrite(facts: StageFacts, range: Range): StageFacts {
  return { ...facts, size: Math.max(facts.size, range.end), own: ownAfter(facts, range) }
}

/** The facts after the size was set: a smaller size hides the base's bytes for good. */
export function afterTruncate(facts: StageFacts, size: Bytes): StageFacts {
  const baseLimit = Math.min(facts.baseLimit, size)
  return { base: facts.base, size, baseLimit, own: clip(facts.own, baseLimit) }
}

/** The facts after the bytes of `range` were kept from the base. */
export function afterFill(facts: StageFacts, range: Range): StageFacts {
  return { ...facts, own: ownAfter(facts, range) }
}

/** The facts with another name for the base's bytes. */
export function afterRebase(facts: StageFacts, base: Source): StageFacts {
  return { ...facts, base }
}
