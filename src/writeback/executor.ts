/** Does one action of the plan with the store, and says what the bucket holds afterwards. */
import { FsError, StoreError } from '../core/errors.ts'
import type { Content, Source, StageId } from '../core/state.ts'
import type { CannedAcl, ETag, Key, ObjectMeta } from '../core/types.ts'
import { ifThere } from '../store/if-there.ts'
import type { PutOptions, Stored } from '../store/store.ts'
import type { KeyState } from './key-state.ts'
import { sendStaged, type SendPorts } from './send.ts'
import type { Action } from './plan.ts'
import type { StagedFiles } from './staged.ts'

export interface ExecutorPorts extends SendPorts {
  readonly staged: StagedFiles
  readonly acl: CannedAcl | undefined
}

/** What an action left in the bucket. `revision`: of the staged file that was sent. */
export interface Outcome {
  readonly stored: Stored
  readonly revision?: number
  readonly stage?: StageId
  /** The metadata the object has, where it is not the desired one. */
  readonly meta?: ObjectMeta
  /** The upload that was completed. */
  readonly upload?: string
}

/** How an action ended. */
export interface Finish {
  readonly stored: Stored | undefined
  readonly outcome?: Outcome
  readonly error?: unknown
}

const EMPTY: ObjectMeta = { user: {} }

/** The preconditions and metadata of a write for this key, as it stands now. */
export function putOptions(state: KeyState, acl: CannedAcl | undefined): PutOptions {
  const { desired, stored } = state
  const meta = desired.is === 'present' ? (desired.meta ?? EMPTY) : EMPTY
  return {
    meta,
    ...(acl === undefined ? {} : { acl }),
    ...(stored.is === 'version' ? { ifMatch: stored.etag } : {}),
    ...(stored.is === 'absent' ? { ifAbsent: true } : {}),
  }
}

/** Does an action that makes an object. Rejects with StoreError, FsError or Overtaken. */
export function run(ports: ExecutorPorts, state: KeyState, action: Action): Promise<Outcome> {
  if (action.do === 'copy') return copy(ports, state, action.source)
  if (action.do === 'set-meta') return setMeta(ports, state, action.source)
  return send(ports, state)
}

/** Sends the record's own bytes or its staged file. Rejects with StoreError, FsError or Overtaken. */
async function send(ports: ExecutorPorts, state: KeyState): Promise<Outcome> {
  const { key, desired } = state
  if (desired.is === 'absent' || desired.content.from === 'stored') {
    throw new FsError('EIO', `${key} has no bytes of its own`)
  }
  const options = putOptions(state, ports.acl)
  const { content } = desired
  if (content.from === 'inline') {
    return { stored: await ports.store.put(key, inlineBytes(content), options) }
  }
  const staged = ports.staged.use(content.stage)
  try {
    const sent = await sendStaged(ports, { key, staged, options, exclusive: state.open })
    return { ...sent, stage: staged.id }
  } finally {
    ports.staged.release(content.stage)
  }
}

/** A server-side copy; of large ones the adapter copies parts. */
async function copy(ports: ExecutorPorts, state: KeyState, source: Source): Promise<Outcome> {
  const { meta, ...conditions } = putOptions(state, ports.acl)
  const own = state.desired.is === 'present' ? state.desired.meta : undefined
  const stored = await ports.store.copy(source, state.key, {
    ...conditions,
    ...(own === undefined ? {} : { meta }),
  })
  const to = { key: state.key, etag: stored.etag, size: source.size }
  ports.reader.alias(source, to)
  return { stored: { ...stored, size: source.size } }
}

/** Where neither server nor store compares, we do, as far as a look before can. Rejects `changed` or `exists`. */
export async function compareFirst({ store }: ExecutorPorts, state: KeyState): Promise<void> {
  const { stored, key, sending } = state
  const { conditionalPut, createExclusive, looksFirst } = store.features
  if (stored.is === 'unknown' || looksFirst === true) return
  // A name that was free a moment ago is looked at again only after a request whose effect is not known.
  if (stored.is === 'version' ? conditionalPut : createExclusive || !sending) return
  const head = await ifThere(store.head(key))
  if (stored.is === 'absent' ? !head : head?.etag === stored.etag) return
  const kind = stored.is === 'absent' ? 'exists' : 'changed'
  throw new StoreError(kind, `${key} was written elsewhere`, { operation: 'HeadObject', key })
}

async function setMeta(ports: ExecutorPorts, state: KeyState, source: Source): Promise<Outcome> {
  if (state.desired.is === 'present' && !state.desired.meta) {
    // Nothing is to be sent: what the key holds has to be looked at.
    const details = { operation: 'HeadObject', key: state.key }
    throw new StoreError('changed', `${state.key} may have changed`, details)
  }
  const options = { ...putOptions(state, ports.acl), ifMatch: source.etag }
  const stored = await ports.store.setMeta(source, options)
  ports.reader.alias(source, { key: state.key, etag: stored.etag, size: source.size })
  return { stored: { ...stored, size: source.size } }
}

export function inlineBytes(content: Extract<Content, { from: 'inline' }>): Uint8Array {
  return Uint8Array.from(atob(content.base64), char => char.charCodeAt(0))
}

/** Any rejection as a StoreError, so that one table decides what passes. */
export function asStoreError(error: unknown, operation: string, key: Key): StoreError {
  if (error instanceof StoreError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError('failed', message, { operation, key, cause: error })
}

/** The condition for a single conditional delete. */
export function deleteCondition(state: KeyState): { ifMatch?: ETag } {
  return state.stored.is === 'version' ? { ifMatch: state.stored.etag } : {}
}
