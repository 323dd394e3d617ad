/**
 * The write-back: makes the bucket hold what the mount says, key by key, in parallel and in an order that loses
 * nothing. A change is in the journal before `change` returns; what was overtaken before it was due never travels.
 *
 * Invariants: every unsettled key has a record in the journal; a key has at most one request under way; the record
 * says `sending` durably before a request leaves that may change the key.
 */
import type { Desired, KeyRecord, Source, StoredState } from '../core/state.ts'
import { isTemporaryName } from '../core/temp-name.ts'
import type { Bytes, Key, Milliseconds } from '../core/types.ts'
import type { ObjectHead, Stored } from '../store/store.ts'
import { Agenda } from './agenda.ts'
import { Blocked } from './blocked.ts'
import { Deletes } from './deletes.ts'
import { compareFirst, run, type ExecutorPorts, type Finish } from './executor.ts'
import { Failures } from './failures.ts'
import { KeepFirst } from './keep-first.ts'
import { keepTime } from './keep-time.ts'
import { newState, settledForm, type KeyState } from './key-state.ts'
import { Ledger } from './ledger.ts'
import { leftToDo, rebased } from './left-to-do.ts'
import type { Change, WriteBackEvents, WriteBackOptions } from './options.ts'
import { isSettled, nextAction, sourceOf, type Action } from './plan.ts'
import { Overtaken, singlePutLimit } from './send.ts'
import { isMarked, withMarks } from './sent-marks.ts'
import type { Staged } from './staged.ts'
import { UploadRecords } from './upload-records.ts'
import { UploadTurns } from './upload-turns.ts'
import { makeRoom } from './make-room.ts'
import { follow } from './followers.ts'
import { Patience } from './patience.ts'
import { SendAhead } from './send-ahead.ts'
import { addWaiter, atMost, refuseWaiter, resolveWaiters, sendAll } from './waiters.ts'

export type { Change, WriteBackEvents, WriteBackOptions } from './options.ts'

export class WriteBack {
  readonly #o: WriteBackOptions
  readonly #ports: ExecutorPorts
  readonly #ledger: Ledger
  readonly #agenda: Agenda
  readonly #deletes: Deletes
  readonly #uploads: UploadRecords
  readonly #failures: Failures
  readonly #ahead: SendAhead
  readonly #turns: UploadTurns
  readonly #blocked: Blocked
  readonly #patience: Patience
  readonly #keepFirst: KeepFirst
  #events: WriteBackEvents | undefined

  constructor(options: WriteBackOptions) {
    this.#o = options
    this.#ledger = new Ledger(options)
    this.#patience = new Patience(options)
    const { states } = this.#ledger
    this.#agenda = new Agenda({ ...options, start: key => this.#start(key) })
    this.#uploads = new UploadRecords({ ...options, states, agenda: this.#agenda })
    this.#ports = { ...options, uploads: this.#uploads }
    this.#failures = new Failures({
      ...options,
      agenda: this.#agenda,
      ledger: this.#ledger,
      restOf: key => this.#restOf(key),
      conflict: async (key, error) => (await this.#events?.conflict(key, error)) ?? 'stuck',
      parked: state => this.#unblock(state.desired),
    })
    this.#ahead = new SendAhead(this.#ports, options.log)
    const own = { agenda: this.#agenda, ledger: this.#ledger, failures: this.#failures, ...options }
    const sentWhole = ({ stage }: Staged) => stage.size <= this.wholeLimit
    this.#turns = new UploadTurns({ ...own, uploads: this.#uploads, sentWhole })
    this.#keepFirst = new KeepFirst({ ...own, events: () => this.#events })
    this.#blocked = new Blocked({
      ...own,
      events: () => this.#events,
      executor: this.#ports,
      fetched: ({ key, stored }, desired) => {
        this.change([{ key, desired, stored }])
        this.#events?.advanced(key)
      },
    })
    this.#deletes = new Deletes({
      ...options,
      states,
      needed: key => this.#events?.needed(key) === true,
      began: batch => this.#beginAll(batch),
      done: (state, error) => this.#finish(state, { stored: undefined, error }),
    })
  }

  /** Takes up the journal's records. Call once, before anything else. */
  restore(records: Iterable<KeyRecord>, events: WriteBackEvents): void {
    this.#events = events
    const now = this.#o.clock.now()
    for (const record of records) {
      const state = newState(record.key, record.desired, record.stored, now)
      if (record.parked?.doubtful) state.parked = record.parked
      state.upload = record.upload
      this.#ledger.enter(state, record.desired, false)
      // A power cut may have taken the note that it was sent: what it says is looked for in any case, but for what was
      // settled (and waits for its upload's end), since nothing is to be sent for that.
      state.sending = record.sending === true || !isSettled(record)
      state.sent = withMarks(record.sent ?? [], record.desired, this.#o.staged)
      this.#schedule(state, now)
    }
  }

  get(key: Key): Readonly<KeyState> | undefined {
    return this.#ledger.states.get(key)
  }

  all(): Iterable<Readonly<KeyState>> {
    return this.#ledger.states.all()
  }

  /**
   * Changes what is desired, all of it or nothing, durably when it returns.
   * Throws FsError (ENOSPC, EIO); nothing is changed then.
   */
  change(changes: readonly Change[]): void {
    const put: KeyRecord[] = []
    const remove: Key[] = []
    const moves = this.#uploads.moves(changes)
    for (const { key, desired, stored } of changes) {
      const state = this.#ledger.states.get(key)
      const known = state?.stored ?? stored
      const upload = moves.has(key) ? moves.get(key) : state?.upload
      const next = { key, desired, stored: known }
      if (isSettled(next) && !state?.busy && !state?.sending && !upload) remove.push(key)
      else {
        const sending = state?.sending ? { sending: true, sent: state.sent } : {}
        put.push({ ...next, ...sending, ...(upload ? { upload } : {}) })
      }
    }
    this.#ledger.commit(put, remove)
    const removed = new Set(remove)
    for (const one of changes) {
      this.#apply(one, removed.has(one.key))
      const state = this.#ledger.states.get(one.key)
      if (state && moves.has(one.key)) state.upload = moves.get(one.key)
    }
  }

  /** The last writer closed it: it is due after its rest. */
  rest(key: Key): void {
    const state = this.#ledger.states.get(key)
    if (!state) return
    state.open = false
    this.#schedule(state, this.#o.clock.now() + this.#restOf(key))
  }

  /** The staging is full: sends what can go. Whether anything but `but` may free some of it. */
  makeRoom(but: Key): boolean {
    return makeRoom(this.#ledger.states.all(), this.#agenda, but)
  }

  /** Nobody reads the file any more that was deleted under this key. */
  letGo(key: Key): void {
    const state = this.#ledger.states.get(key)
    if (state?.open && state.desired.is === 'absent') this.rest(key)
  }

  /** A writer has it open (again). */
  hold(key: Key): void {
    const state = this.#ledger.states.get(key)
    if (state) state.open = true
  }

  /** An open file has grown: what is full of it may go ahead. `beginning`: its metadata is about to be taken. */
  progress(key: Key, staged: Staged, beginning: () => void): void {
    const state = this.#ledger.states.get(key)
    if (staged.upload) staged.upload.advance()
    else if (state && !state.busy && !state.upload && !this.#agenda.closed) {
      if (!this.#uploads.isBeginning(state)) this.#ahead.begin(state, staged, beginning)
    }
  }

  /**
   * Resolves when the bucket holds what is desired now for these keys, or something newer. Rejects with the StoreError
   * of the first that fails for good, or that has failed for longer than the patience.
   */
  async flush(keys: Iterable<Key>, signal?: AbortSignal): Promise<void> {
    const waits: Promise<void>[] = []
    for (const key of keys) {
      const state = this.#ledger.states.get(key)
      if (state) waits.push(this.#wait(state, signal))
    }
    const results = await Promise.allSettled(waits)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Everything, until the deadline, but what is refused for good; resolves with the number of keys left. */
  async drain(limit: Milliseconds, signal?: AbortSignal): Promise<number> {
    const left = () => (this.#agenda.closed ? [] : [...this.all()])
    const work = sendAll(left, keys => this.flush(keys, signal), signal)
    await atMost(this.#o.clock, limit, work, signal)
    return this.#ledger.states.size
  }

  /** Starts nothing new; what is under way is left to end or to be recovered. */
  close(): void {
    this.#agenda.close()
    this.#deletes.close()
  }

  #apply({ key, desired, stored, open }: Change, settled: boolean): void {
    const known = this.#ledger.states.get(key)
    const before = known?.desired
    if (settled) {
      if (known) {
        this.#remove(known)
        resolveWaiters(known, Infinity)
      }
      return
    }
    const now = this.#o.clock.now()
    const state = known ?? newState(key, desired, stored, now)
    this.#ledger.enter(state, desired, known !== undefined)
    state.rev += 1
    state.parked = undefined
    state.failures = 0
    if (open !== undefined) state.open = open
    const isDelete = desired.is === 'absent'
    this.#schedule(state, now + (isDelete ? this.#deletes.counted(state) : this.#restOf(key)))
    this.#unblock(before)
    if (isDelete) this.#deletes.added(state)
  }

  #restOf(key: Key): Milliseconds {
    return isTemporaryName(key) ? this.#o.temporaryRest : this.#o.rest
  }

  #wait(state: KeyState, signal?: AbortSignal): Promise<void> {
    if (state.parked?.doubtful) return refuseWaiter(state)
    const stored = addWaiter(state, this.#o.clock.now(), signal, waiter =>
      this.#patience.watch(state, waiter),
    )
    state.parked = undefined
    if (state.failures === 0 || state.waiters.length === 1) this.#schedule(state, 0)
    return stored
  }

  #schedule(state: KeyState, due: Milliseconds): void {
    this.#agenda.schedule(state, due)
  }

  #start(key: Key): void {
    const state = this.#ledger.states.get(key)
    if (state && !state.busy) this.#failures.guard(state, () => this.#turn(state))
  }

  /** Throws FsError. */
  #turn(state: KeyState): void {
    if (this.#turns.take(state)) return
    const action = nextAction(state, this.#ledger.states.dependentsOf(state.key))
    if (this.#keepFirst.take(state, action)) return
    switch (action.do) {
      case 'settle':
        return this.#settle(state, undefined, undefined)
      case 'wait':
        return this.#blocked.wait(state, action.on)
      case 'delete':
        // Stays queued for later if the batch does not take it now.
        return this.#deletes.due(state, due => this.#agenda.urge(state.key, due))
      case 'send':
      case 'copy':
      case 'set-meta':
        void this.#perform(state, action)
    }
  }

  async #perform(state: KeyState, action: Action): Promise<void> {
    this.#agenda.occupy(state)
    try {
      await keepTime(this.#ledger, this.#events, state)
      await compareFirst(this.#ports, state)
      // The plan was made for what was desired before: with another file, its upload has a turn of its own.
      if (state.rev !== state.busyRev) throw new Overtaken()
      this.#ledger.markSending([state])
      const outcome = await run(this.#ports, state, action)
      this.#finish(state, { stored: outcome.stored, outcome })
    } catch (error) {
      this.#finish(state, { stored: undefined, error })
    }
  }

  /** For a request that covers many keys: it counts as none, since it is one request. */
  #beginAll(states: readonly KeyState[]): void {
    for (const state of states) this.#agenda.occupy(state, false)
    this.#ledger.markSending(states)
  }

  #finish(state: KeyState, result: Finish): void {
    const rev = state.busyRev
    this.#agenda.free(state)
    if (this.#agenda.closed || this.#ledger.states.get(state.key) !== state) return
    if (result.error !== undefined) this.#failures.failed(state, result.error, rev)
    else this.#failures.guard(state, () => this.#succeeded(state, rev, result))
    this.#agenda.arm()
  }

  #succeeded(state: KeyState, rev: number, { stored, outcome }: Finish): void {
    state.failures = 0
    state.lastError = undefined
    if (outcome?.upload !== undefined && outcome.upload === state.upload?.id)
      state.upload = undefined
    if (stored) this.#follow(state, { key: state.key, etag: stored.etag, size: stored.size })
    state.stored = stored
      ? { is: 'version', etag: stored.etag, size: stored.size }
      : { is: 'absent' }
    state.sending = false
    state.sent = []
    const left =
      stored && outcome ? leftToDo(this.#o.staged, state, rev, stored, outcome) : undefined
    if (state.rev === rev && !left) return this.#settle(state, stored, rev)
    const before = state.desired
    if (left && left !== before) this.#ledger.enter(state, left, true)
    this.#ledger.save(state)
    if (stored) this.#events?.advanced(state.key)
    if (state.rev !== rev) resolveWaiters(state, rev)
    if (left) this.#unblock(before)
    this.#schedule(state, state.due)
  }

  #settle(state: KeyState, stored: Stored | undefined, rev: number | undefined): void {
    const meta = state.desired.is === 'present' ? state.desired.meta : undefined
    if (state.upload) this.#keepForUpload(state)
    else {
      this.#ledger.commit([], [state.key])
      this.#remove(state)
    }
    if (rev !== undefined) this.#events?.settled(state.key, stored, meta)
    resolveWaiters(state, Infinity)
  }

  /** The record stays, settled, until the upload that it names is aborted. */
  #keepForUpload(state: KeyState): void {
    const before = state.desired
    this.#ledger.enter(state, settledForm(state), true)
    this.#ledger.save(state)
    this.#unblock(before)
    this.#schedule(state, 0)
  }

  /** What the bucket is found to hold was learnt otherwise (a conflict, a HEAD): no change of what is desired. */
  learn(key: Key, stored: StoredState): void {
    const state = this.#ledger.states.get(key)
    if (!state) return
    state.stored = stored
    state.sending = false
    state.sent = []
    if (isSettled(state)) this.#settle(state, undefined, undefined)
    else this.#ledger.save(state)
  }

  /** Bytes of the largest file that travels whole. */
  get wholeLimit(): Bytes {
    return singlePutLimit(this.#ports)
  }

  /** Whether a request of ours, whose reply was lost, made what the bucket has. Rejects with StoreError. */
  async isOurs(head: ObjectHead): Promise<boolean> {
    return isMarked(this.#o.store, this.#ledger.states.get(head.key)?.sent ?? [], head)
  }

  /**
   * It did: the key holds that version, which has the bytes that the one before had where they still show. `made`: it
   * was made from the version of another key that is still named as its source.
   */
  took(source: Source, made: boolean): void {
    const state = this.#ledger.states.get(source.key)
    if (!state) return
    const { desired } = state
    if (made || sourceOf(desired)?.key === source.key) {
      this.#ledger.enter(state, rebased(desired, source, this.#o.staged), true)
    }
    this.#follow(state, source)
    const { etag, size } = source
    this.learn(source.key, { is: 'version', etag, size })
  }

  #follow({ stored }: KeyState, now: Source): void {
    follow(this.#ledger, this.#o.staged, stored, now, key => this.#events?.advanced(key))
    if (stored.is === 'version') this.#events?.replaced(stored.etag, now)
  }

  #remove(state: KeyState): void {
    this.#agenda.drop(state.key)
    this.#ledger.remove(state)
    this.#unblock(state.desired)
  }

  /** Keys that waited for others to have their content may go now. */
  #unblock(before?: Desired): void {
    const key = before && sourceOf(before)?.key
    const waiting = key === undefined ? undefined : this.#ledger.states.get(key)
    if (waiting && !waiting.busy) this.#schedule(waiting, waiting.due)
  }
}
