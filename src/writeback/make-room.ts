/** When the staging is full: what can be sent goes at once, without its rest. */
import { stageOf } from './upload-records.ts'
import type { Agenda } from './agenda.ts'
import type { KeyState } from './key-state.ts'
import type { Key } from '../core/types.ts'

/** Whether any other key than `but` may free the disk of its staged file soon. Those that fail keep their pauses. */
export function makeRoom(states: Iterable<KeyState>, agenda: Agenda, but: Key): boolean {
  let hope = false
  for (const state of states) {
    if (state.key === but || state.parked || stageOf(state.desired) === undefined) continue
    if (state.open && !state.busy) continue
    hope = true
    if (!state.busy && state.failures === 0) agenda.urge(state.key, 0)
  }
  return hope
}
