/** One key that the bucket does not hold as desired: its record in the journal, and how its sending stands. */
import type { StoreError } from '../core/errors.ts'
import type {
  Desired,
  KeyRecord,
  Parked,
  SentMark,
  StoredState,
  UploadRecord,
} from '../core/state.ts'
import type { Timer } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'

export interface Waiter {
  /** Satisfied when a state of at least this revision is in the bucket. */
  readonly rev: number
  readonly since: Milliseconds
  /** It has heard how it ended. */
  settled: boolean
  /** When it is looked at again. */
  timer: Timer | undefined
  resolve(): void
  reject(error: unknown): void
}

export interface KeyState {
  readonly key: Key
  desired: Desired
  stored: StoredState
  /** Counts the changes of `desired`. */
  rev: number
  /** Somebody has it open for writing: not sent unless somebody waits for it. */
  open: boolean
  /** Not sent before, unless somebody waits for it. */
  due: Milliseconds
  /** A request for it is on its way. */
  busy: boolean
  /** The revision that the request under way sends. */
  busyRev: number
  /** When the last request for it began. */
  busySince: Milliseconds
  /** The request under way takes one of the places for requests. */
  counted: boolean
  /** A request that may have changed the key was sent and its effect is not known. */
  sending: boolean
  /** How that effect is recognised. */
  sent: readonly SentMark[]
  upload: UploadRecord | undefined
  parked: Parked | undefined
  /** Failures in a row, the first one's time, the last error. */
  failures: number
  failingSince: Milliseconds
  lastError: StoreError | undefined
  readonly since: Milliseconds
  readonly waiters: Waiter[]
}

export function recordOf(state: KeyState): KeyRecord {
  return {
    key: state.key,
    desired: state.desired,
    stored: state.stored,
    ...(state.sending ? { sending: true, sent: state.sent } : {}),
    ...(state.upload ? { upload: state.upload } : {}),
    ...(state.parked ? { parked: state.parked } : {}),
  }
}

export function newState(
  key: Key,
  desired: Desired,
  stored: StoredState,
  now: Milliseconds,
): KeyState {
  return {
    key,
    desired,
    stored,
    rev: 0,
    open: false,
    due: now,
    busy: false,
    busyRev: 0,
    busySince: now,
    counted: false,
    sending: false,
    sent: [],
    upload: undefined,
    parked: undefined,
    failures: 0,
    failingSince: 0,
    lastError: undefined,
    since: now,
    waiters: [],
  }
}

/** The desired state that says: as the bucket has it. */
export function settledForm({ key, stored }: Pick<KeyState, 'key' | 'stored'>): Desired {
  if (stored.is !== 'version') return { is: 'absent' }
  const source = { key, etag: stored.etag, size: stored.size }
  return { is: 'present', content: { from: 'stored', source } }
}
