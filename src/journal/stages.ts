/**
 * The folder of staged files: makes, finds and removes them, and knows which have bytes that are not on the disk yet.
 *
 * ID            the bytes: a sparse file as large as the staged file is
 * ID.map        its map log (stage-map.ts), if it has a base; made before ID
 * The name of a stage made over a base ends in `b`: if its map is missing it is damaged, not without a base.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { FsError } from '../core/errors.ts'
import type { Source, StageId } from '../core/state.ts'
import type { Bytes } from '../core/types.ts'
import { diskError } from './disk-error.ts'
import { Descriptors } from './descriptors.ts'
import { syncFile } from './file-io.ts'
import type { Stage } from './journal.ts'
import { StagedFile, type StageContext } from './staged-file.ts'
import { StagingSpace, type SpaceOptions } from './staging-space.ts'

/** Removed files that may wait for a sync before they are deleted, and their bytes. */
const MANY = 1000
const MUCH: Bytes = 64 << 20

export interface StagesOptions extends SpaceOptions {
  readonly openFiles: number
  /**
   * Called before the first change of a staged file since a sync began; resolves when the disk knows that it is being
   * changed. May throw Node's errors.
   */
  announce(id: StageId): Promise<void>
}

export class Stages {
  readonly space: StagingSpace
  readonly #folder: string
  readonly #descriptors: Descriptors
  readonly #announce: StagesOptions['announce']
  readonly #prefix = randomBytes(5).toString('hex')
  readonly #open = new Map<StageId, { stage: StagedFile; users: number }>()
  #dirty = new Map<StageId, StagedFile>()
  #distrusted = new Set<StageId>()
  /** Made or announced since the last sync began. */
  #announced = new Set<StageId>()
  /** Changes under way. */
  readonly #changing = new Map<StageId, number>()
  /** Made in this run, and no sync has begun since: no record on the disk is sure to name one. */
  readonly #neverSynced = new Set<StageId>()
  #removed: StageId[] = []
  #removedBytes: Bytes = 0
  #namesChanged = false
  #count = 0

  /** Throws FsError if the folder can't be read. */
  constructor(options: StagesOptions) {
    this.#folder = options.folder
    this.space = new StagingSpace(options)
    this.#descriptors = new Descriptors(options.openFiles)
    this.#announce = id => options.announce(id)
    try {
      const names = new Set(readdirSync(options.folder))
      for (const name of names) {
        const path = join(options.folder, name)
        const left = name.endsWith('.map') && !names.has(name.slice(0, -'.map'.length))
        // A map without its file, or half of a compaction: cut short before anything was acknowledged.
        if (left || name.endsWith('.new')) unlinkSync(path)
        else if (!name.includes('.')) this.space.set(name, 512 * lstatSync(path).blocks)
      }
    } catch (error) {
      throw diskError(error, 'reading the staging folder')
    }
  }

  create(base: Source | undefined): Stage {
    const id = `${this.#prefix}${(this.#count++).toString(36)}${base === undefined ? 'n' : 'b'}`
    this.space.reserve(0)
    const stage = StagedFile.create(this.#context(id), base)
    this.space.set(id, 0)
    this.#namesChanged = true
    this.#neverSynced.add(id)
    // No record that is on the disk names it.
    this.#announced.add(id)
    this.#dirty.set(id, stage)
    this.#open.set(id, { stage, users: 1 })
    return stage
  }

  open(id: StageId): Stage {
    const known = this.#open.get(id)
    if (known !== undefined) {
      known.users++
      return known.stage
    }
    if (!this.space.has(id)) throw new FsError('EIO', `the staged file ${id} is missing`)
    const stage = StagedFile.open(this.#context(id), id.endsWith('b'))
    this.#open.set(id, { stage, users: 1 })
    return stage
  }

  remove(id: StageId): void {
    ;(this.#open.get(id)?.stage ?? this.#dirty.get(id))?.discard(true)
    this.#open.delete(id)
    this.#dirty.delete(id)
    this.#distrusted.delete(id)
    this.#announced.delete(id)
    const bytes = this.space.remove(id)
    if (!this.#neverSynced.delete(id)) {
      this.#removed.push(id)
      this.#removedBytes += bytes
      this.space.leaving(bytes)
      return
    }
    for (const name of [id, `${id}.map`]) {
      try {
        unlinkSync(join(this.#folder, name))
      } catch (error) {
        if (!isMissing(error)) throw diskError(error, 'removing a staged file')
      }
    }
  }

  /** Those found at the start may have bytes that are not on the disk: the next sync sees to it. */
  distrust(): void {
    for (const id of this.space.stages()) this.#distrusted.add(id)
    this.#namesChanged = true
  }

  /** Whether so many removed files, or such large ones, wait for a sync that there should be one. */
  get manyRemoved(): boolean {
    return (
      this.#removed.length >= MANY || this.#removedBytes >= Math.min(MUCH, this.space.limit / 8)
    )
  }

  /**
   * Takes those removed so far: to be deleted (call the answer) once the commits before this are on the disk, so that no
   * record which a power cut brings back names one that is gone.
   */
  takeRemoved(): { delete: () => Promise<void>; keep: () => void } {
    const ids = this.#removed
    const bytes = this.#removedBytes
    this.#removed = []
    this.#removedBytes = 0
    return {
      keep: () => {
        this.#removed.push(...ids)
        this.#removedBytes += bytes
      },
      delete: async () => {
        for (const id of ids) {
          for (const name of [id, `${id}.map`]) {
            await unlink(join(this.#folder, name)).catch((error: unknown) => {
              if (!isMissing(error)) throw error
            })
          }
        }
        this.space.leaving(-bytes)
      },
    }
  }

  /** A sync begins: answers the staged files that are being changed, which are to be announced with it. */
  announceAnew(): readonly StageId[] {
    this.#announced = new Set(this.#changing.keys())
    return [...this.#announced]
  }

  /** All bytes and names so far are on the disk. What fails stays to be synced. */
  async sync(): Promise<void> {
    const dirty = this.#dirty
    const distrusted = this.#distrusted
    const names = this.#namesChanged
    this.#dirty = new Map()
    this.#distrusted = new Set()
    this.#namesChanged = false
    try {
      await someAtOnce(dirty, async ([id, stage]) => {
        this.#neverSynced.delete(id)
        await this.#unlessRemoved(id, stage.syncBytes())
        dirty.delete(id)
      })
      await someAtOnce(distrusted, async id => {
        await this.#unlessRemoved(id, this.#syncFiles(id))
        distrusted.delete(id)
      })
      if (names) await syncFolder(this.#folder)
    } catch (error) {
      this.#namesChanged ||= names
      for (const [id, stage] of dirty) {
        if (this.space.has(id) && !this.#dirty.has(id)) this.#dirty.set(id, stage)
      }
      for (const id of distrusted) this.#distrusted.add(id)
      throw diskError(error, 'syncing staged files')
    }
  }

  closeAll(): void {
    for (const { stage } of this.#open.values()) stage.discard(false)
    this.#open.clear()
  }

  /** What becomes of a staged file that was removed meanwhile is nobody's business. */
  async #unlessRemoved(id: StageId, syncing: Promise<void>): Promise<void> {
    try {
      await syncing
    } catch (error) {
      if (this.space.has(id)) throw error
    }
  }

  /** Syncs the files of a stage that nobody has opened yet. */
  async #syncFiles(id: StageId): Promise<void> {
    for (const name of [id, `${id}.map`]) {
      let fd
      try {
        fd = openSync(join(this.#folder, name), 'r')
        await syncFile(fd)
      } catch (error) {
        if (!isMissing(error)) throw error
      } finally {
        if (fd !== undefined) closeSync(fd)
      }
    }
  }

  #context(id: StageId): StageContext {
    return {
      id,
      path: join(this.#folder, id),
      descriptors: this.#descriptors,
      space: this.space,
      changing: () => this.#begin(id),
      changed: (stage, names) => {
        this.#dirty.set(id, stage)
        if (names) this.#namesChanged = true
      },
      syncNames: async () => {
        this.#neverSynced.delete(id)
        if (this.#namesChanged) await syncFolder(this.#folder)
      },
      released: () => this.#released(id),
    }
  }

  /** Before a change: resolves when it may be made; call what it answers after it. */
  async #begin(id: StageId): Promise<() => void> {
    this.#changing.set(id, (this.#changing.get(id) ?? 0) + 1)
    const end = () => {
      const left = this.#changing.get(id)! - 1
      if (left > 0) this.#changing.set(id, left)
      else this.#changing.delete(id)
    }
    try {
      if (!this.#announced.has(id)) await this.#announce(id)
      this.#announced.add(id)
      return end
    } catch (error) {
      end()
      throw error
    }
  }

  /** One user less; whether it was the last. One with bytes to sync is still synced. */
  #released(id: StageId): boolean {
    const known = this.#open.get(id)
    if (known === undefined || --known.users > 0) return false
    this.#open.delete(id)
    return true
  }
}

function isMissing(error: unknown): boolean {
  return (error as { code?: string }).code === 'ENOENT'
}

/** Runs `work` for each, two at a time: keeps a disk busy and leaves threads for reads and writes. */
async function someAtOnce<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items].values()
  const run = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all([run(), run()])
}

/** The names in a folder are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const fd = openSync(path, 'r')
  try {
    await syncFile(fd)
  } finally {
    closeSync(fd)
  }
}
