/**
 * Staged files in use: one object a staged file, shared by the inode that writes it and the sender that reads it,
 * counted, and removed from the journal's folder when nobody needs it any more.
 */
import { Mutex } from '../core/lock.ts'
import type { PartLayout } from '../core/parts.ts'
import type { Source, StageId } from '../core/state.ts'
import type { Bytes, ObjectMeta } from '../core/types.ts'
import type { Journal, Stage } from '../journal/journal.ts'
import type { PartUpload } from './part-upload.ts'

/** A staged file with its lock. Changes are made under `lock`; reads may run beside anything. */
export class Staged {
  readonly stage: Stage
  readonly lock = new Mutex()
  /** Changes under way: what was read meanwhile is no version of the file. */
  writing = 0
  /** Where a write stood last: parts before it are likely done. */
  front: Bytes = 0
  /** Its large upload under way, if one was begun. */
  upload: PartUpload | undefined
  /** The metadata of one that the server is asked for right now. */
  beginning: ObjectMeta | undefined
  readonly #layout: PartLayout
  /** The stage's revision at the last change of each part (index: part number). */
  readonly #partRevisions: number[] = []

  constructor(stage: Stage, layout: PartLayout) {
    this.stage = stage
    this.#layout = layout
  }

  get id(): StageId {
    return this.stage.id
  }

  get layout(): PartLayout {
    return this.#layout
  }

  partRevision(number: number): number {
    return this.#partRevisions[number] ?? 0
  }

  /** Call under the lock. */
  async write(from: Uint8Array, offset: Bytes): Promise<void> {
    const before = this.stage.size
    this.writing += 1
    try {
      await this.stage.write(from, offset)
    } finally {
      this.writing -= 1
    }
    // A gap between the old end and the write is new zeros.
    this.#touched(Math.min(before, offset), offset + from.byteLength)
    this.front = offset + from.byteLength
  }

  /** Call under the lock. */
  async truncate(size: Bytes): Promise<void> {
    const before = this.stage.size
    this.writing += 1
    try {
      await this.stage.truncate(size)
    } finally {
      this.writing -= 1
    }
    this.#touched(Math.min(before, size), Math.max(before, size))
  }

  #touched(start: Bytes, end: Bytes): void {
    if (end <= start) return
    const last = this.#layout.partOf(end - 1)
    for (let part = this.#layout.partOf(start); part <= last; part++) {
      this.#partRevisions[part] = this.stage.revision
    }
  }
}

/** All staged files of the mount, by id, with a count of who needs each. */
export class StagedFiles {
  readonly #journal: Journal
  readonly #layout: PartLayout
  readonly #open = new Map<StageId, { staged: Staged; users: number }>()

  constructor(journal: Journal, layout: PartLayout) {
    this.#journal = journal
    this.#layout = layout
  }

  /** A new one, with one user. Throws FsError ENOSPC. */
  create(base?: Source): Staged {
    const staged = new Staged(this.#journal.createStage(base), this.#layout)
    this.#open.set(staged.id, { staged, users: 1 })
    return staged
  }

  /** One that is there, with one more user. Throws FsError EIO when it is gone. */
  use(id: StageId): Staged {
    const known = this.#open.get(id)
    if (known) {
      known.users += 1
      return known.staged
    }
    const staged = new Staged(this.#journal.openStage(id), this.#layout)
    this.#open.set(id, { staged, users: 1 })
    return staged
  }

  /** One that is in use. */
  find(id: StageId): Staged | undefined {
    return this.#open.get(id)?.staged
  }

  /** One user less; the last one removes the file. An upload of it is left to whoever has its record. */
  release(id: StageId): void {
    const known = this.#open.get(id)
    if (!known) return
    known.users -= 1
    if (known.users > 0) return
    this.#open.delete(id)
    void known.staged.upload?.stop()
    known.staged.stage.close()
    this.#journal.removeStage(id)
  }

  /** Whether its bytes may be asked for without opening the file again. */
  size(id: StageId): Bytes {
    return this.#open.get(id)?.staged.stage.size ?? 0
  }
}
