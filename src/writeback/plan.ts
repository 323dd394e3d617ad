/**
 * The plan: what to do next for one key, from its desired and its stored state. Pure; the whole order of sending
 * follows from it: nothing is deleted or overwritten while the content of another key is still to come from it.
 */
import type { Desired, Source, StoredState } from '../core/state.ts'
import type { Key } from '../core/types.ts'

/** What the plan looks at; `KeyState` fits. */
export interface Planned {
  readonly key: Key
  readonly desired: Desired
  readonly stored: StoredState
  /** A request was sent whose effect is not known: what is stored may be something else by now. */
  readonly sending?: boolean
}

export type Action =
  /** The bucket holds what is desired: the record can go. */
  | { readonly do: 'settle' }
  /** Others must have its content first. */
  | { readonly do: 'wait'; readonly on: readonly Key[] }
  | { readonly do: 'delete' }
  /** Send bytes: the record's own, or a staged file's. */
  | { readonly do: 'send' }
  | { readonly do: 'copy'; readonly source: Source }
  | { readonly do: 'set-meta'; readonly source: Source }

/** The stored version that the desired content is made from, if any: a copy's source, a staged file's base. */
export function sourceOf(desired: Desired): Source | undefined {
  if (desired.is === 'absent') return undefined
  const { content } = desired
  if (content.from === 'stored') return content.source
  return content.from === 'stage' ? content.base : undefined
}

/** Whether the bucket is known to hold what is desired already. */
export function isSettled({ key, desired, stored, sending }: Planned): boolean {
  if (sending) return false
  if (desired.is === 'absent') return stored.is === 'absent'
  const { content, meta } = desired
  if (content.from !== 'stored' || meta !== undefined || stored.is !== 'version') return false
  return content.source.key === key && content.source.etag === stored.etag
}

/** `dependents`: all other unsettled keys whose content comes from this key. */
export function nextAction(state: Planned, dependents: readonly Planned[]): Action {
  if (isSettled(state)) return { do: 'settle' }
  const blockers = dependents.filter(other => needs(other, state)).map(other => other.key)
  const { desired } = state
  if (desired.is === 'absent') {
    return blockers.length > 0 ? { do: 'wait', on: blockers } : { do: 'delete' }
  }
  const { content } = desired
  // New metadata for the same bytes changes the version on some servers: others would lose their source.
  if (blockers.length > 0) return { do: 'wait', on: blockers }
  if (content.from !== 'stored') return { do: 'send' }
  if (content.source.key === state.key) return { do: 'set-meta', source: content.source }
  return { do: 'copy', source: content.source }
}

/** Whether `other` still needs the version that `state` has in the bucket. */
function needs(other: Planned, state: Planned): boolean {
  const source = sourceOf(other.desired)
  if (!source || other.key === state.key || source.key !== state.key) return false
  return state.stored.is !== 'version' || state.stored.etag === source.etag
}

/**
 * The key to be freed when keys wait for each other in a circle (a swap of names): one on the circle that starts
 * at `key`, whose content has to be fetched into a staged file first. Undefined when there is no circle.
 */
export function circleThrough(key: Key, waitsOn: (key: Key) => readonly Key[]): Key | undefined {
  const seen = new Set<Key>()
  const stack = [...waitsOn(key)]
  while (stack.length > 0) {
    const at = stack.pop()!
    if (at === key) return key
    if (seen.has(at)) continue
    seen.add(at)
    stack.push(...waitsOn(at))
  }
  return undefined
}
