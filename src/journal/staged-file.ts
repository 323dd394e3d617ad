/**
 * A staged file on the local disk: `Stage` over a sparse file and, if it has a base, its map log.
 *
 * - The file is always as large as the staged file, so that its size needs no record.
 * - A write puts its bytes into the file, then a frame into the map where the own list changes by it; both are
 *   in the page cache, thus safe from a kill, when the promise resolves. Cut between the two, the write has not
 *   happened: the base still shows there.
 * - A shrink cuts the file first: a base limit beyond the file's end is lowered when the stage is opened.
 * - An error in a write leaves size, own list and base limit as they were; bytes that were own already may have
 *   been overwritten in part, which is why the revision counts on.
 * - A sync that failed once fails from then on: the kernel has dropped what it could not write.
 * - Its own list and base are as durable as its bytes: after a power cut what `sync` saw is there, of later
 *   writes any part may be.
 */
import { fstatSync, ftruncateSync, futimesSync, unlinkSync } from 'node:fs'
import { FsError } from '../core/errors.ts'
import { missing } from '../core/extents.ts'
import type { Source, StageId } from '../core/state.ts'
import type { Bytes, Range } from '../core/types.ts'
import type { Descriptors, PooledFile } from './descriptors.ts'
import { diskError } from './disk-error.ts'
import { readAll, syncData, truncateFile, writeAll } from './file-io.ts'
import type { Stage } from './journal.ts'
import { MapFile } from './map-file.ts'
import { baseFrame, limitFrame, ownFrame } from './stage-map.ts'
import * as state from './stage-state.ts'
import type { StagingSpace } from './staging-space.ts'

/** A cut of more than this may take the file system long: it is done on the thread pool. */
const LONG_CUT: Bytes = 1 << 20

/** What a stage needs of the folder it is in. */
export interface StageContext {
  readonly id: StageId
  readonly path: string
  readonly descriptors: Descriptors
  readonly space: StagingSpace
  /** Before bytes change; call what it answers when they have. Rejects with Node's errors. */
  changing(): Promise<() => void>
  /** Bytes, map or (`names`) the folder have changed since they were last synced. */
  changed(stage: StagedFile, names: boolean): void
  /** The names of the stage's files are on the disk. */
  syncNames(): Promise<void>
  /** One user less; answers whether it was the last. */
  released(): boolean
}

interface Parts {
  readonly context: StageContext
  readonly file: PooledFile
  readonly map: MapFile | undefined
  readonly facts: state.StageFacts
}

export class StagedFile implements Stage {
  readonly #context: StageContext
  readonly #file: PooledFile
  #map: MapFile | undefined
  #facts: state.StageFacts
  #revision = 0
  #closed = false
  #gone = false
  #lost: unknown
  /** The map does not yet say how low the base limit is. */
  #limitOwed = false

  private constructor(parts: Parts) {
    this.#context = parts.context
    this.#file = parts.file
    this.#map = parts.map
    this.#facts = parts.facts
  }

  /** A new one. Throws FsError, and leaves nothing behind then. */
  static create(context: StageContext, base: Source | undefined): StagedFile {
    const { path, descriptors } = context
    const facts = state.freshFacts(base)
    let map: MapFile | undefined
    let file: PooledFile | undefined
    try {
      if (base !== undefined) map = MapFile.create(`${path}.map`, descriptors, base, base.size)
      file = descriptors.create(path)
      const stage = new StagedFile({ context, file, map, facts })
      if (facts.size > 0) stage.#with(fd => ftruncateSync(fd, facts.size))
      return stage
    } catch (error) {
      for (const [made, name] of [
        [map, `${path}.map`],
        [file, path],
      ] as const) {
        if (made === undefined) continue
        made.close()
        unlinkSync(name)
      }
      throw diskError(error, 'making a staged file')
    }
  }

  /** One that is there. Throws FsError. */
  static open(context: StageContext, needsMap: boolean): StagedFile {
    try {
      const file = context.descriptors.file(context.path)
      const { size } = fstatSync(file.acquire())
      file.release()
      const opened = MapFile.open(`${context.path}.map`, context.descriptors)
      if (opened === undefined && needsMap) throw new Error('its map is missing')
      const { base, baseLimit, own } = opened?.map ?? { base: undefined, baseLimit: 0, own: [] }
      const facts = state.afterTruncate({ base, size, baseLimit, own }, size)
      if (facts.baseLimit < baseLimit) opened?.file.append(limitFrame(facts.baseLimit))
      return new StagedFile({ context, file, map: opened?.file, facts })
    } catch (error) {
      throw diskError(error, `opening the staged file ${context.id}`)
    }
  }

  get id(): StageId {
    return this.#context.id
  }
  get base(): Source | undefined {
    return this.#facts.base
  }
  get size(): Bytes {
    return this.#facts.size
  }
  get baseLimit(): Bytes {
    return this.#facts.baseLimit
  }
  get own(): readonly Range[] {
    return this.#facts.own
  }
  get revision(): number {
    return this.#revision
  }

  async read(into: Uint8Array, offset: Bytes): Promise<number> {
    return this.#use('reading a staged file', fd => readAll(fd, into, offset))
  }

  async write(from: Uint8Array, offset: Bytes): Promise<void> {
    if (from.length === 0) return
    const range = { start: offset, end: offset + from.length }
    await this.#change(from.length, async fd => {
      await writeAll(fd, from, offset)
      this.#own(state.afterWrite(this.#facts, range), range)
    })
    if (this.#map?.large === true) await this.#compact()
  }

  async truncate(size: Bytes): Promise<void> {
    const before = this.#facts
    if (size === before.size) return
    await this.#change(0, async fd => {
      if (before.size - size > LONG_CUT) await truncateFile(fd, size)
      else ftruncateSync(fd, size)
      this.#facts = state.afterTruncate(before, size)
      if (this.#facts.baseLimit === before.baseLimit) return
      this.#limitOwed = true
      try {
        this.#payLimit()
      } catch {
        // The file's own end says the same until it grows, and before that the frame is tried again.
      }
    })
  }

  async fill(from: Uint8Array, offset: Bytes): Promise<void> {
    const range = { start: offset, end: Math.min(offset + from.length, this.#facts.baseLimit) }
    const gaps = missing(this.#facts.own, range)
    if (gaps.length === 0) return
    await this.#change(from.length, async fd => {
      const { atimeMs, mtimeMs } = fstatSync(fd)
      for (const { start, end } of gaps) {
        await writeAll(fd, from.subarray(start - offset, end - offset), start)
      }
      futimesSync(fd, atimeMs / 1000, mtimeMs / 1000)
      this.#own(state.afterFill(this.#facts, range), range)
      this.#revision--
    })
    if (this.#map?.large === true) await this.#compact()
  }

  forgo(range: Range): void {
    this.#check()
    try {
      // Nothing was ever written there: the file has zeros.
      this.#own(state.afterFill(this.#facts, range), range)
    } catch (error) {
      throw diskError(error, 'noting what a staged file has lost')
    }
    this.#context.changed(this, false)
  }

  rebase(base: Source): void {
    this.#check()
    try {
      if (this.#map !== undefined) this.#map.append(baseFrame(base))
      else {
        const { path, descriptors } = this.#context
        this.#map = MapFile.create(`${path}.map`, descriptors, base, this.#facts.baseLimit)
      }
    } catch (error) {
      throw diskError(error, 'noting the new base of a staged file')
    }
    this.#facts = state.afterRebase(this.#facts, base)
    this.#context.changed(this, true)
  }

  modified(): number {
    this.#check()
    try {
      return this.#with(fd => fstatSync(fd).mtimeMs)
    } catch (error) {
      throw diskError(error, 'asking for the age of a staged file')
    }
  }

  async sync(): Promise<void> {
    await this.syncBytes()
    try {
      await this.#context.syncNames()
    } catch (error) {
      throw diskError(error, 'syncing the staging folder')
    }
  }

  /** `sync` without the folder's names; one that is closed or removed can be synced too. */
  async syncBytes(): Promise<void> {
    if (this.#lost !== undefined) throw diskError(this.#lost, 'an earlier sync failed')
    if (this.#gone) return
    try {
      const fd = this.#file.acquire()
      try {
        await syncData(fd)
      } finally {
        this.#file.release()
      }
      if (!this.#gone) await this.#map?.sync()
    } catch (error) {
      if (this.#gone) return
      this.#lost = error
      throw diskError(error, 'syncing a staged file')
    }
  }

  close(): void {
    if (!this.#context.released()) return
    this.#closed = true
    this.#file.close()
    this.#map?.close()
  }

  /** Closes it whoever uses it: the files are about to go, or the journal is. */
  discard(gone: boolean): void {
    this.#closed = true
    this.#gone = gone
    this.#file.close()
    this.#map?.close()
  }

  /** A change of the file, made, recorded and taken over by `run`; `bytes` is how much more the file may take. */
  async #change(bytes: Bytes, run: (fd: number) => Promise<void>): Promise<void> {
    this.#check()
    const { space } = this.#context
    space.reserve(bytes)
    let end: (() => void) | undefined
    try {
      end = await this.#announced()
      await this.#use('writing a staged file', async fd => {
        this.#payLimit()
        try {
          await run(fd)
        } catch (error) {
          this.#undoGrowth(fd)
          throw error
        } finally {
          this.#revision++
          this.#count(fd)
        }
      })
    } finally {
      space.done(bytes)
      if (!this.#gone) this.#context.changed(this, false)
      end?.()
    }
  }

  async #announced(): Promise<() => void> {
    try {
      return await this.#context.changing()
    } catch (error) {
      throw diskError(error, 'committing to the journal')
    }
  }

  /** Takes `next` over, in which `range` is own, once the map says so too. */
  #own(next: state.StageFacts, range: Range): void {
    if (next.own !== this.#facts.own) {
      const end = Math.min(range.end, next.baseLimit)
      this.#map?.append(ownFrame({ start: range.start, end }))
    }
    this.#facts = next
  }

  /** Puts into the map that the base limit was lowered, if that is still to be done. */
  #payLimit(): void {
    if (!this.#limitOwed) return
    this.#map?.append(limitFrame(this.#facts.baseLimit))
    this.#limitOwed = false
  }

  #undoGrowth(fd: number): void {
    try {
      if (fstatSync(fd).size > this.#facts.size) ftruncateSync(fd, this.#facts.size)
    } catch {
      // The error that brought us here is the one to tell.
    }
  }

  #count(fd: number): void {
    const { space, id } = this.#context
    if (space.has(id)) space.set(id, 512 * fstatSync(fd).blocks + (this.#map?.length ?? 0))
  }

  async #compact(): Promise<void> {
    try {
      await this.#map?.compact(this.#facts)
      this.#context.changed(this, true)
    } catch {
      // The long log goes on being good.
    }
  }

  #check(): void {
    if (this.#closed) throw new FsError('EIO', `the staged file ${this.id} is closed`)
  }

  #with<T>(run: (fd: number) => T): T {
    const fd = this.#file.acquire()
    try {
      return run(fd)
    } finally {
      this.#file.release()
    }
  }

  async #use<T>(doing: string, run: (fd: number) => Promise<T>): Promise<T> {
    this.#check()
    try {
      const fd = this.#file.acquire()
      try {
        return await run(fd)
      } finally {
        this.#file.release()
      }
    } catch (error) {
      throw diskError(error, doing)
    }
  }
}
