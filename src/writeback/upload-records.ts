/**
 * Unfinished uploads in the journal, so that none is left on the server: a key's record names its upload from before
 * it is asked for until it is completed or aborted, also when the file it was for is gone or has another name.
 *
 * Invariants: an upload stands in one record at most; a record that names one is not removed. A record whose `id` is
 * empty says that an upload was asked for and nobody knows whether the server began it.
 */
import type { Clock } from '../core/ports.ts'
import type { Desired, StageId, UploadRecord } from '../core/state.ts'
import type { Key, Milliseconds, ObjectMeta } from '../core/types.ts'
import type { Journal } from '../journal/journal.ts'
import type { Upload } from '../store/store.ts'
import type { Agenda } from './agenda.ts'
import { recordOf, type KeyState } from './key-state.ts'
import type { Staged, StagedFiles } from './staged.ts'
import type { KeyStates } from './states.ts'
import type { PartPorts } from './part-upload.ts'
import { takeUp } from './take-up.ts'

/** How far the server's clock and ours may be apart when an upload is looked for by its time. */
const SKEW: Milliseconds = 900_000

export interface UploadRecordsPorts extends PartPorts {
  readonly journal: Journal
  readonly staged: StagedFiles
  readonly states: KeyStates
  /** What is noted is read by later daemons, and compared with the server's times. */
  readonly wall: Clock
  readonly agenda: Agenda
}

export class UploadRecords {
  readonly #ports: UploadRecordsPorts
  readonly #beginning = new Set<StageId>()
  /** Uploads of earlier daemons that were looked at. */
  readonly #tried = new Set<string>()

  constructor(ports: UploadRecordsPorts) {
    this.#ports = ports
  }

  /** An upload for the staged file is asked for under `key` when this resolves: no power cut forgets it. Rejects with FsError. */
  async beginning(key: Key, staged: Staged): Promise<void> {
    this.#beginning.add(staged.id)
    const at = this.#ports.wall.now()
    const state = this.#owner(staged.id)
    if (state) this.#set(state, { key, id: '', stage: staged.id, at })
    await this.#ports.journal.sync()
  }

  /** How it ended: the upload, or undefined where it is not known whether there is one. */
  began(staged: Staged, upload: Upload | undefined, meta: ObjectMeta): void {
    this.#beginning.delete(staged.id)
    const state = this.#holder(staged.id, '')
    if (upload && state) {
      this.#set(state, { key: upload.key, id: upload.id, stage: staged.id, meta })
    }
    this.#resume(staged)
  }

  /** Whoever waited to know which upload there is; also a key that has it though its file is gone. */
  #resume(staged: Staged): void {
    const { states, agenda } = this.#ports
    for (const state of states.all()) {
      const stages = [stageOf(state.desired), state.upload?.stage]
      if (!state.busy && stages.includes(staged.id)) agenda.schedule(state, state.due)
    }
  }

  /** It is completed or aborted. */
  ended(staged: Staged, id: string): void {
    const state = this.#holder(staged.id, id)
    if (state) this.#set(state, undefined)
  }

  /** Whether an upload for the state's staged file is being begun right now. */
  isBeginning(state: KeyState): boolean {
    const stage = stageOf(state.desired)
    if (stage !== undefined && this.#beginning.has(stage)) return true
    return state.upload !== undefined && this.#beginning.has(state.upload.stage)
  }

  /** Whether a daemon before us began an upload that may be gone on with: `takeUp` finds out, once. */
  isLeft({ upload, desired, key }: KeyState): boolean {
    if (!upload?.meta || upload.id === '' || this.#tried.has(upload.id)) return false
    if (stageOf(desired) !== upload.stage || upload.key !== key) return false
    const staged = this.#ports.staged.find(upload.stage)
    return staged !== undefined && staged.upload === undefined && !staged.stage.base
  }

  /** Goes on with it. Rejects with StoreError or FsError: then it is to be aborted. */
  async takeUp({ upload }: KeyState): Promise<void> {
    const staged = upload && this.#ports.staged.find(upload.stage)
    if (!staged) return
    this.#tried.add(upload.id)
    const running = await takeUp(this.#ports, staged, upload)
    staged.upload ??= running
  }

  /** Whether the state's upload is of no use any more: it is to be aborted before anything else is done. */
  isDead(state: KeyState, sentWhole: (staged: Staged) => boolean): boolean {
    const { upload, desired, key } = state
    if (!upload) return false
    if (stageOf(desired) !== upload.stage || upload.key !== key) return true
    const staged = this.#ports.staged.find(upload.stage)
    return staged?.upload?.upload.id !== upload.id || sentWhole(staged)
  }

  /** Frees what the server holds. Rejects with StoreError; the record is kept then. */
  async abort(state: KeyState): Promise<void> {
    const { store, staged, wall } = this.#ports
    const record = state.upload
    if (!record) return
    const file = staged.find(record.stage)
    const running = file?.upload?.upload.id === record.id ? file.upload : undefined
    if (file && running) file.upload = undefined
    const parts = (await running?.stop()) ?? []
    if (record.id !== '') return store.abortUpload(record, parts)
    const since = (record.at ?? wall.now()) - SKEW
    for (const found of await store.listUploads(record.key)) {
      if (found.key === record.key && found.started >= since) await store.abortUpload(found, [])
    }
  }

  /** The uploads that go with their staged files from one of these keys to another. */
  moves(
    changes: readonly { readonly key: Key; readonly desired: Desired }[],
  ): Map<Key, UploadRecord | undefined> {
    const { states } = this.#ports
    const moved = new Map<Key, UploadRecord | undefined>()
    const byStage = new Map<StageId, Key>()
    for (const { key } of changes) {
      const upload = states.get(key)?.upload
      if (upload) byStage.set(upload.stage, key)
    }
    if (byStage.size === 0) return moved
    for (const { key, desired } of changes) {
      const from = byStage.get(stageOf(desired) ?? '')
      if (from === undefined || from === key || states.get(key)?.upload) continue
      moved.set(key, states.get(from)?.upload)
      moved.set(from, undefined)
    }
    return moved
  }

  /** The state whose record names that upload. */
  #holder(stage: StageId, id: string): KeyState | undefined {
    for (const state of this.#ports.states.all()) {
      if (state.upload?.stage === stage && state.upload.id === id) return state
    }
    return undefined
  }

  #owner(stage: StageId): KeyState | undefined {
    for (const state of this.#ports.states.all()) if (stageOf(state.desired) === stage) return state
    return undefined
  }

  #set(state: KeyState, upload: UploadRecord | undefined): void {
    this.#ports.journal.commit({ put: [recordOf({ ...state, upload })], remove: [] })
    state.upload = upload
  }
}

/** The staged file that the content is to come from. */
export function stageOf(desired: Desired): StageId | undefined {
  if (desired.is !== 'present' || desired.content.from !== 'stage') return undefined
  return desired.content.stage
}
