/** What the control socket is told of a mount: pending keys as paths, their failures, flushing a part of the tree. */
import { objectFacts } from './object-facts.ts'
import type {
  MountControl,
  ObjectFacts,
  PendingItem,
  WritebackStatus,
  Finding,
} from '../control/api.ts'
import { reasonText } from '../core/error-text.ts'
import { FsError, hintOf, toFsError } from '../core/errors.ts'
import { keyOf, namesOf } from '../core/key-name.ts'
import type { Clock } from '../core/ports.ts'
import type { Key, Milliseconds } from '../core/types.ts'
import type { FsContext } from '../fs/context.ts'
import type { KeyState } from '../writeback/key-state.ts'

/** Items that a status lists at the most. */
const MOST_ITEMS = 200

export class WriteBackControl implements MountControl {
  readonly #ctx: FsContext
  readonly #steady: Clock

  /** `steady`: the write-back's clock. */
  constructor(ctx: FsContext, steady: Clock) {
    this.#ctx = ctx
    this.#steady = steady
  }

  status(): WritebackStatus {
    const states = [...this.#ctx.writeBack.all()]
    const items = states.map(state => this.#item(state)).sort((a, b) => rank(a) - rank(b))
    return {
      pending: states.length,
      pendingBytes: items.reduce((sum, item) => sum + item.bytes, 0),
      sending: items.filter(item => item.state === 'sending').length,
      failed: items.filter(item => item.state === 'parked').length,
      items: items.slice(0, MOST_ITEMS),
      conflicts: [...this.#ctx.conflicts],
    }
  }

  async flush(path: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#ctx.writeBack.flush(
        this.#below(path).map(state => state.key),
        signal,
      )
    } catch (error) {
      throw toFsError(error)
    }
  }

  async why(path: string): Promise<readonly Finding[]> {
    return this.#below(path).flatMap(state => this.#finding(state))
  }

  async url(path: string, expires?: Milliseconds): Promise<string> {
    const key = objectAt(path)
    const { store } = this.#ctx
    await this.flush(path)
    // Of all buckets, only one that was asked for something has an address.
    if (store.buckets) await store.list({ prefix: key, limit: 2 })
    return expires === undefined ? store.url(key) : store.signedUrl(key, expires)
  }

  async stat(path: string): Promise<ObjectFacts> {
    const key = objectAt(path)
    try {
      const state = this.#ctx.writeBack.get(key)
      return await objectFacts(this.#ctx.store, key, state, state && reasonOf(state))
    } catch (error) {
      throw toFsError(error)
    }
  }

  #below(path: string): Readonly<KeyState>[] {
    const names = namesIn(path)
    const file = keyOf(names, 'file') ?? ''
    const directory = names.length === 0 ? '' : keyOf(names, 'directory')
    return [...this.#ctx.writeBack.all()].filter(
      ({ key }) => key === file || (directory !== undefined && key.startsWith(directory)),
    )
  }

  #item(state: Readonly<KeyState>): PendingItem {
    const reason = reasonOf(state)
    const hint = state.lastError && hintOf(state.lastError)
    return {
      path: pathOf(state.key),
      state: state.parked
        ? 'parked'
        : state.busy
          ? 'sending'
          : state.failures > 0
            ? 'retrying'
            : 'waiting',
      bytes: this.#bytes(state),
      since: this.#wall(state.since),
      ...(reason === undefined ? {} : { reason }),
      ...(reason === undefined || hint === undefined ? {} : { hint }),
    }
  }

  /** A time of the write-back, by the machine's clock as it is now. */
  #wall(at: Milliseconds): Milliseconds {
    return this.#ctx.wall.now() - (this.#steady.now() - at)
  }

  #bytes({ desired }: Readonly<KeyState>): number {
    if (desired.is === 'absent' || desired.content.from !== 'stage') return 0
    return this.#ctx.staged.size(desired.content.stage)
  }

  #finding(state: Readonly<KeyState>): Finding[] {
    const text = reasonOf(state)
    if (text === undefined) return []
    const hint = state.lastError && hintOf(state.lastError)
    const at = this.#wall(state.parked?.at ?? state.failingSince)
    return [{ path: pathOf(state.key), at, text, ...(hint === undefined ? {} : { hint }) }]
  }
}

function rank(item: PendingItem): number {
  return ['parked', 'retrying', 'sending', 'waiting'].indexOf(item.state)
}

function reasonOf({ parked, lastError, failures }: Readonly<KeyState>): string | undefined {
  if (parked && !lastError) return parked.message
  if (!lastError || (failures === 0 && !parked)) return undefined
  return reasonText(lastError)
}

function pathOf(key: Key): string {
  return `/${namesOf(key, key.endsWith('/') ? 'directory' : 'file').join('/')}`
}

/** The key at a path; that of a directory where it ends with a slash. Throws ENOENT. */
function objectAt(path: string): Key {
  const names = namesIn(path)
  if (names.length === 0) return ''
  const key = keyOf(names, path.endsWith('/') ? 'directory' : 'file')
  if (key === undefined) throw new FsError('ENOENT', `${path} stands for no object`)
  return key
}

function namesIn(path: string): string[] {
  return path.split('/').filter(name => name !== '')
}
