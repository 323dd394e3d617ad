/**
 * The write-back: makes the bucket hold what the mount says, key by key, in parallel and in an order that loses
 * nothing. A change is in the journal before `change` returns; what was overtaken before it was due never travels.
 *
 * Invariants: every unsettled key has a record in the journal; a key has at most one request under way; the record
 * says `sending` durably before a request leaves that may change the key.
 */
import { backoff } from '../core/backoff.ts'
import { DueQueue } from '../core/due-queue.ts'
import type { StoreError } from '../core/errors.ts'
import type { Clock, Log, Random, Timer } from '../core/ports.ts'
import type { Desired, KeyRecord, StoredState } from '../core/state.ts'
import { finalName, isTemporaryName } from '../core/temp-name.ts'
import type { Key, Milliseconds, ObjectMeta } from '../core/types.ts'
import type { Journal } from '../journal/journal.ts'
import type { Stored } from '../store/store.ts'
import { Deletes } from './deletes.ts'
import { asStoreError, copy, putOptions, send, setMeta } from './executor.ts'
import type { ExecutorPorts, Outcome } from './executor.ts'
import { recordOf, type KeyState } from './key-state.ts'
import { materialise } from './materialise.ts'
import { sameMeta } from './meta-equal.ts'
import { circleThrough, isSettled, nextAction, type Action } from './plan.ts'
import { beginParts, Overtaken, singlePutLimit } from './send.ts'
import type { Staged } from './staged.ts'
import { KeyStates } from './states.ts'
import { stageOf, UploadRecords } from './upload-records.ts'

export interface Change {
  readonly key: Key
  readonly desired: Desired
  /** What the bucket is known to hold, for a key that has no record yet. */
  readonly stored: StoredState
  /** Somebody has it open for writing: it is not due before `rest` is called. */
  readonly open?: boolean
}

/** What the file system wants to hear. */
export interface WriteBackEvents {
  /** The bucket holds what was desired; `meta` is undefined where the source's was kept. */
  settled(key: Key, stored: Stored | undefined, meta: ObjectMeta | undefined): void
  /** Still unsettled, but the bucket holds another version now (an upload that was overtaken). */
  advanced(key: Key, stored: Stored): void
  /** Somebody else wrote the key since: theirs stays. Resolves when ours has another name. */
  conflict(key: Key, error: StoreError): Promise<boolean>
}

export interface WriteBackOptions extends Omit<ExecutorPorts, 'uploads'> {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** How long a closed file rests before it is sent. */
  readonly rest: Milliseconds
  /** The same for names that look temporary. */
  readonly temporaryRest: Milliseconds
  /** How long a waiter hears nothing of failures that may pass. */
  readonly patience: Milliseconds
  /** Keys under way at once. */
  readonly atOnce: number
}

export class WriteBack {
  readonly #o: WriteBackOptions
  readonly #ports: ExecutorPorts
  readonly #states = new KeyStates()
  readonly #queue = new DueQueue()
  readonly #deletes: Deletes
  readonly #uploads: UploadRecords
  #events: WriteBackEvents | undefined
  #running = 0
  #timer: Timer | undefined
  #timerAt = Infinity
  #closed = false

  constructor(options: WriteBackOptions) {
    this.#o = options
    this.#uploads = new UploadRecords({ ...options, states: this.#states })
    this.#ports = { ...options, uploads: this.#uploads }
    this.#deletes = new Deletes({
      store: options.store,
      states: this.#states,
      clock: options.clock,
      rest: Math.max(100, options.rest),
      began: states => this.#beginAll(states),
      done: (state, error) => this.#finish(state, { stored: undefined, error }),
    })
  }

  /** Takes up the journal's records. Call once, before anything else. */
  restore(records: Iterable<KeyRecord>, events: WriteBackEvents): void {
    this.#events = events
    const now = this.#o.clock.now()
    for (const record of records) {
      const state = newState(record.key, record.desired, record.stored, now)
      state.sending = record.sending ?? false
      state.upload = record.upload
      this.#states.set(state)
      this.#retain(record.desired)
      this.#schedule(state, now)
    }
  }

  get(key: Key): Readonly<KeyState> | undefined {
    return this.#states.get(key)
  }

  all(): Iterable<Readonly<KeyState>> {
    return this.#states.all()
  }

  get pending(): number {
    return this.#states.size
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
      const state = this.#states.get(key)
      const known = state?.stored ?? stored
      const upload = moves.has(key) ? moves.get(key) : state?.upload
      const next = { key, desired, stored: known }
      if (isSettled(next) && !state?.busy && !state?.sending && !upload) remove.push(key)
      else {
        const sending = state?.sending ? { sending: true } : {}
        put.push({ ...next, ...sending, ...(upload ? { upload } : {}) })
      }
    }
    this.#o.journal.commit({ put, remove })
    const removed = new Set(remove)
    for (const one of changes) {
      this.#apply(one, removed.has(one.key))
      const state = this.#states.get(one.key)
      if (state && moves.has(one.key)) state.upload = moves.get(one.key)
    }
  }

  /** The last writer closed it: it is due after its rest. */
  rest(key: Key): void {
    const state = this.#states.get(key)
    if (!state) return
    state.open = false
    this.#schedule(state, this.#o.clock.now() + this.#restOf(key))
  }

  /** A writer has it open (again). */
  hold(key: Key): void {
    const state = this.#states.get(key)
    if (state) state.open = true
  }

  /** An open file has grown: what is full of it may go ahead. */
  progress(key: Key, staged: Staged): void {
    if (staged.stage.base || staged.stage.size < singlePutLimit(this.#ports) + this.#o.partSize)
      return
    if (staged.upload) return staged.upload.advance()
    const state = this.#states.get(key)
    if (!state || state.busy || state.upload || this.#closed) return
    if (this.#o.store.limits.maxParts < 2 || this.#uploads.isBeginning(state)) return
    const target = streamKey(key)
    const options = {
      meta: putOptions(state, this.#o.acl).meta,
      ...(this.#o.acl ? { acl: this.#o.acl } : {}),
    }
    beginParts(this.#ports, target, staged, options)
      .then(upload => upload.advance())
      .catch((error: unknown) =>
        this.#o.log.debug('sending ahead failed', { key, error: String(error) }),
      )
      .finally(() => this.#afterBeginning(staged))
  }

  /** Whoever waited for the end of it; also a key that has the upload though its file is gone. */
  #afterBeginning(staged: Staged): void {
    for (const state of this.#states.all()) {
      const stages = [stageOf(state.desired), state.upload?.stage]
      if (!state.busy && stages.includes(staged.id)) this.#schedule(state, state.due)
    }
  }

  /**
   * Resolves when the bucket holds what is desired now for these keys, or something newer. Rejects with the StoreError
   * of the first that fails for good, or that has failed for longer than the patience.
   */
  async flush(keys: Iterable<Key>, signal?: AbortSignal): Promise<void> {
    const waits: Promise<void>[] = []
    for (const key of keys) {
      const state = this.#states.get(key)
      if (state) waits.push(this.#wait(state, signal))
    }
    const results = await Promise.allSettled(waits)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Everything, until the deadline; resolves with the number of keys left. */
  async drain(limit: Milliseconds, signal?: AbortSignal): Promise<number> {
    let timer: Timer | undefined
    const late = new Promise<void>(resolve => {
      timer = this.#o.clock.after(limit, resolve)
      signal?.addEventListener('abort', () => resolve(), { once: true })
    })
    const all = [...this.#states.all()].map(state => state.key)
    await Promise.race([this.flush(all, signal).catch(() => {}), late])
    timer?.cancel()
    return this.#states.size
  }

  /** Starts nothing new; what is under way is left to end or to be recovered. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#deletes.close()
  }

  #apply({ key, desired, stored, open }: Change, settled: boolean): void {
    const known = this.#states.get(key)
    const before = known?.desired
    if (!settled) this.#retain(desired)
    if (settled) {
      if (known) {
        this.#remove(known)
        resolveWaiters(known, Infinity)
      }
      return
    }
    const now = this.#o.clock.now()
    const state = known ?? newState(key, desired, stored, now)
    state.desired = desired
    state.rev += 1
    state.parked = undefined
    state.failures = 0
    if (open !== undefined) state.open = open
    this.#states.set(state, before)
    if (before) this.#release(before)
    const due = now + this.#restOf(key)
    this.#schedule(state, due)
    this.#unblock(before)
    if (desired.is === 'absent') this.#deletes.added(state)
  }

  #restOf(key: Key): Milliseconds {
    return isTemporaryName(key) ? this.#o.temporaryRest : this.#o.rest
  }

  #wait(state: KeyState, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { rev: state.rev, since: this.#o.clock.now(), resolve, reject }
      state.waiters.push(waiter)
      state.parked = undefined
      signal?.addEventListener(
        'abort',
        () => {
          const at = state.waiters.indexOf(waiter)
          if (at >= 0) state.waiters.splice(at, 1)
          reject(asStoreError(new Error('interrupted'), 'flush', state.key))
        },
        { once: true },
      )
      if (state.failures === 0 || state.waiters.length === 1) this.#schedule(state, 0)
    })
  }

  #schedule(state: KeyState, due: Milliseconds): void {
    state.due = due
    if (state.busy || this.#closed) return
    if (state.parked) return this.#queue.delete(state.key)
    if (state.open && state.waiters.length === 0) return this.#queue.delete(state.key)
    const wanted = state.waiters.length > 0 && state.failures === 0
    this.#queue.set(state.key, wanted ? 0 : due)
    this.#arm()
  }

  #arm(): void {
    const next = this.#queue.next()
    if (next === undefined || this.#running >= this.#o.atOnce || this.#closed) return
    if (this.#timer && this.#timerAt <= next) return
    this.#timer?.cancel()
    this.#timerAt = next
    this.#timer = this.#o.clock.after(Math.max(0, next - this.#o.clock.now()), () => {
      this.#timer = undefined
      this.#pump()
    })
  }

  #pump(): void {
    const now = this.#o.clock.now()
    while (this.#running < this.#o.atOnce && !this.#closed) {
      const key = this.#queue.take(now)
      if (key === undefined) break
      const state = this.#states.get(key)
      if (state && !state.busy) this.#start(state)
    }
    this.#arm()
  }

  #start(state: KeyState): void {
    // Goes on when it is known which upload there is.
    if (this.#uploads.isBeginning(state)) return
    if (this.#uploads.isDead(state, ({ stage }) => stage.size <= singlePutLimit(this.#ports))) {
      return void this.#abortUpload(state)
    }
    const action = nextAction(state, this.#states.dependentsOf(state.key))
    switch (action.do) {
      case 'settle':
        this.#settle(state, undefined, undefined)
        return
      case 'wait':
        return this.#blocked(state, action.on)
      case 'delete':
        // Stays queued for later if the batch does not take it now.
        return this.#deletes.due(state, due => this.#schedule(state, due))
      default:
        void this.#perform(state, action)
    }
  }

  /** Others need its content: they go first, as urgently as it. */
  #blocked(state: KeyState, on: readonly Key[]): void {
    const waitsOn = (key: Key): readonly Key[] => {
      const at = this.#states.get(key)
      if (!at) return []
      const action = nextAction(at, this.#states.dependentsOf(key))
      return action.do === 'wait' ? action.on : []
    }
    if (circleThrough(state.key, waitsOn) !== undefined) {
      const other = this.#states.get(on[0]!)
      if (other && !other.busy) void this.#break(other)
      return
    }
    for (const key of on) {
      const other = this.#states.get(key)
      if (!other || other.busy || other.parked) continue
      if (other.open && state.waiters.length === 0) continue
      this.#queue.set(key, state.waiters.length > 0 ? 0 : Math.min(other.due, state.due))
    }
    this.#arm()
  }

  async #break(state: KeyState): Promise<void> {
    const { rev } = state
    this.#occupy(state)
    try {
      const desired = await materialise(this.#ports, state.desired)
      this.#free(state)
      if (state.rev === rev) this.change([{ key: state.key, desired, stored: state.stored }])
      this.#release(desired)
    } catch (error) {
      this.#free(state)
      this.#failed(state, asStoreError(error, 'GetObject', state.key))
    }
  }

  async #abortUpload(state: KeyState): Promise<void> {
    this.#occupy(state)
    let failure: StoreError | undefined
    try {
      await this.#uploads.abort(state)
    } catch (error) {
      failure = asStoreError(error, 'AbortMultipartUpload', state.key)
    }
    this.#free(state)
    if (this.#closed || this.#states.get(state.key) !== state) return
    try {
      if (failure?.passing) return this.#failed(state, failure)
      if (failure)
        this.#o.log.warn('an unfinished upload is left', {
          ...state.upload,
          message: failure.message,
        })
      state.upload = undefined
      state.failures = 0
      this.#o.journal.commit({ put: [recordOf(state)], remove: [] })
      this.#schedule(state, state.due)
    } catch (error) {
      this.#failed(state, error)
    }
    this.#arm()
  }

  async #perform(state: KeyState, action: Action): Promise<void> {
    this.#occupy(state)
    try {
      this.#markSending([state])
      const outcome = await this.#run(state, action)
      this.#finish(state, { stored: outcome.stored, outcome })
    } catch (error) {
      this.#finish(state, { stored: undefined, error })
    }
  }

  #run(state: KeyState, action: Action): Promise<Outcome> {
    if (action.do === 'copy') return copy(this.#ports, state, action.source)
    if (action.do === 'set-meta') return setMeta(this.#ports, state, action.source)
    return send(this.#ports, state)
  }

  #occupy(state: KeyState, counted = true): void {
    state.busy = true
    state.counted = counted
    state.busyRev = state.rev
    if (counted) this.#running += 1
    this.#queue.delete(state.key)
  }

  #free(state: KeyState): void {
    state.busy = false
    if (state.counted) this.#running -= 1
  }

  /** For a request that covers many keys: it counts as none, since it is one request. */
  #beginAll(states: readonly KeyState[]): void {
    for (const state of states) this.#occupy(state, false)
    this.#markSending(states)
  }

  #markSending(states: readonly KeyState[]): void {
    const fresh = states.filter(state => !state.sending)
    if (fresh.length === 0) return
    this.#o.journal.commit({
      put: fresh.map(state => ({ ...recordOf(state), sending: true })),
      remove: [],
    })
    for (const state of fresh) state.sending = true
  }

  #finish(state: KeyState, result: Finish): void {
    const rev = state.busyRev
    this.#free(state)
    if (this.#closed || this.#states.get(state.key) !== state) return
    try {
      if (result.error !== undefined) this.#failed(state, result.error)
      else this.#succeeded(state, rev, result)
    } catch (error) {
      // The journal could not be written: the record still says what to do, and it is done again.
      this.#failed(state, error)
    }
    this.#arm()
  }

  #succeeded(state: KeyState, rev: number, { stored, outcome }: Finish): void {
    state.failures = 0
    state.lastError = undefined
    if (outcome?.upload !== undefined && outcome.upload === state.upload?.id)
      state.upload = undefined
    state.stored = stored
      ? { is: 'version', etag: stored.etag, size: stored.size }
      : { is: 'absent' }
    state.sending = false
    const left = stored && outcome ? this.#leftToDo(state, rev, stored, outcome) : undefined
    if (state.rev === rev && !left) return this.#settle(state, stored, rev)
    const before = state.desired
    if (left && left !== before) {
      this.#retain(left)
      state.desired = left
      this.#states.set(state, before)
      this.#release(before)
    }
    this.#o.journal.commit({ put: [recordOf(state)], remove: [] })
    if (stored) this.#events?.advanced(state.key, stored)
    if (state.rev !== rev) resolveWaiters(state, rev)
    if (left) this.#unblock(before)
    this.#schedule(state, state.due)
  }

  /**
   * What is still to be sent of a staged file after it was: nothing (undefined), its metadata alone (the bytes that
   * were sent are the desired ones), or, where it was written to meanwhile, all of it again.
   */
  #leftToDo(state: KeyState, rev: number, stored: Stored, outcome: Outcome): Desired | undefined {
    const { desired } = state
    if (desired.is === 'absent' || outcome.revision === undefined) return undefined
    if (desired.content.from !== 'stage') return undefined
    const staged = this.#o.staged.use(desired.content.stage)
    try {
      const source = { key: state.key, etag: stored.etag, size: stored.size }
      if (staged.writing > 0 || staged.stage.revision !== outcome.revision) {
        if (!staged.stage.base) return desired
        // Bytes that only the version before had are gone from the bucket with it; the new one has the same.
        staged.stage.rebase(source)
        return { ...desired, content: { ...desired.content, base: source } }
      }
      const stale = outcome.meta && desired.meta && !sameMeta(outcome.meta, desired.meta)
      if (state.rev === rev && !stale) return undefined
      return { ...desired, content: { from: 'stored', source } }
    } finally {
      this.#o.staged.release(staged.id)
    }
  }

  #settle(state: KeyState, stored: Stored | undefined, rev: number | undefined): void {
    const meta = state.desired.is === 'present' ? state.desired.meta : undefined
    if (state.upload) this.#keepForUpload(state)
    else {
      this.#o.journal.commit({ put: [], remove: [state.key] })
      this.#remove(state)
    }
    if (rev !== undefined) this.#events?.settled(state.key, stored, meta)
    resolveWaiters(state, Infinity)
  }

  /** The record stays, settled, until the upload that it names is aborted. */
  #keepForUpload(state: KeyState): void {
    const { key, stored, desired: before } = state
    const source =
      stored.is === 'version' ? { key, etag: stored.etag, size: stored.size } : undefined
    state.desired = source
      ? { is: 'present', content: { from: 'stored', source } }
      : { is: 'absent' }
    this.#o.journal.commit({ put: [recordOf(state)], remove: [] })
    this.#states.set(state, before)
    this.#release(before)
    this.#unblock(before)
    this.#schedule(state, 0)
  }

  #failed(state: KeyState, thrown: unknown): void {
    if (thrown instanceof Overtaken) {
      this.#schedule(state, this.#o.clock.now() + this.#restOf(state.key))
      return
    }
    const error = asStoreError(thrown, 'write-back', state.key)
    const now = this.#o.clock.now()
    if (state.failures++ === 0) state.failingSince = now
    state.lastError = error
    const { kind, message, details } = error
    this.#o.log[error.passing ? 'warn' : 'error']('upload failed', {
      key: state.key,
      kind,
      message,
      code: details.code,
      status: details.status,
      requestId: details.requestId,
      hint: details.hint,
      attempt: state.failures,
    })
    if (kind === 'changed' || kind === 'exists') return void this.#conflict(state, error)
    if (error.passing) {
      rejectWaiters(
        state,
        error,
        waiter => now - Math.max(waiter.since, state.failingSince) >= this.#o.patience,
      )
      const wait = Math.max(backoff(state.failures, this.#o.random), details.retryAfter ?? 0)
      return this.#schedule(state, now + wait)
    }
    this.#park(state, error)
  }

  #park(state: KeyState, error: StoreError): void {
    state.parked = { kind: error.kind, message: error.message, at: this.#o.clock.now() }
    this.#o.journal.commit({ put: [recordOf(state)], remove: [] })
    rejectWaiters(state, error, () => true)
  }

  async #conflict(state: KeyState, error: StoreError): Promise<void> {
    this.#occupy(state)
    let solved = false
    try {
      solved = (await this.#events?.conflict(state.key, error)) ?? false
    } catch (thrown) {
      this.#o.log.warn('conflict not solved', { key: state.key, error: String(thrown) })
    }
    this.#free(state)
    rejectWaiters(state, error, () => true)
    if (this.#states.get(state.key) !== state) return
    if (solved) this.#schedule(state, state.due)
    else this.#park(state, error)
  }

  /** What the bucket is found to hold was learnt otherwise (a conflict, a HEAD): no change of what is desired. */
  learn(key: Key, stored: StoredState): void {
    const state = this.#states.get(key)
    if (!state) return
    state.stored = stored
    state.sending = false
    if (isSettled(state)) {
      this.#o.journal.commit({ put: [], remove: [key] })
      this.#remove(state)
      resolveWaiters(state, Infinity)
    } else this.#o.journal.commit({ put: [recordOf(state)], remove: [] })
  }

  #remove(state: KeyState): void {
    this.#queue.delete(state.key)
    this.#states.delete(state)
    this.#release(state.desired)
    this.#unblock(state.desired)
  }

  /** Keys that waited for others to have their content may go now. */
  #unblock(before?: Desired): void {
    const source =
      before?.is === 'present' && before.content.from !== 'inline' ? before.content : undefined
    const key = source?.from === 'stored' ? source.source.key : source?.base?.key
    const waiting = key === undefined ? undefined : this.#states.get(key)
    if (waiting && !waiting.busy) this.#schedule(waiting, waiting.due)
  }

  #retain(desired: Desired): void {
    if (desired.is === 'present' && desired.content.from === 'stage')
      this.#o.staged.use(desired.content.stage)
  }

  #release(desired: Desired): void {
    if (desired.is === 'present' && desired.content.from === 'stage') {
      this.#o.staged.release(desired.content.stage)
    }
  }
}

interface Finish {
  readonly stored: Stored | undefined
  readonly outcome?: Outcome
  readonly error?: unknown
}

function newState(key: Key, desired: Desired, stored: StoredState, now: Milliseconds): KeyState {
  return {
    key,
    desired,
    stored,
    rev: 0,
    open: false,
    due: now,
    busy: false,
    busyRev: 0,
    counted: false,
    sending: false,
    upload: undefined,
    parked: undefined,
    failures: 0,
    failingSince: 0,
    lastError: undefined,
    since: now,
    waiters: [],
  }
}

/** The key under which a temporary file's parts are sent: the name it looks like getting. */
export function streamKey(key: Key): Key {
  const slash = key.lastIndexOf('/') + 1
  const final = finalName(key.slice(slash))
  return final === undefined ? key : key.slice(0, slash) + final
}

function resolveWaiters(state: KeyState, rev: number): void {
  const all = state.waiters.splice(0)
  for (const waiter of all) {
    if (waiter.rev <= rev) waiter.resolve()
    else state.waiters.push(waiter)
  }
}

function rejectWaiters(
  state: KeyState,
  error: StoreError,
  which: (waiter: KeyState['waiters'][number]) => boolean,
): void {
  const all = state.waiters.splice(0)
  for (const waiter of all) {
    if (which(waiter)) waiter.reject(error)
    else state.waiters.push(waiter)
  }
}
