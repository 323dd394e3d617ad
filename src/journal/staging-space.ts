/**
 * How much staged files take, and whether more may be written: a limit of our own, and a reserve that stays
 * free on the disk, so that the journal's small writes still find room when a program has filled the staging.
 *
 * What a stage takes is what the file system says it has allocated (st_blocks), asked after each change;
 * bytes on their way count in full. Free space is asked again after every 32 MiB written, and as long as there is none.
 */
import { statfsSync } from 'node:fs'
import { FsError } from '../core/errors.ts'
import type { StageId } from '../core/state.ts'
import type { Bytes } from '../core/types.ts'

const ASK_AGAIN: Bytes = 32 << 20

export interface SpaceOptions {
  readonly folder: string
  readonly limit: Bytes
  /** Bytes to leave free on the disk. */
  readonly keepFree: Bytes | undefined
}

/** What is left free unless said otherwise: 256 MiB, or a twentieth of a disk smaller than 5 GiB. */
function usualReserve(total: Bytes): Bytes {
  return Math.min(256 << 20, Math.floor(total / 20))
}

export class StagingSpace {
  readonly limit: Bytes
  readonly #folder: string
  readonly #keepFree: Bytes | undefined
  readonly #taken = new Map<StageId, Bytes>()
  #staged = 0
  #coming = 0
  #leaving = 0
  #allowance = 0

  constructor(options: SpaceOptions) {
    this.limit = options.limit
    this.#folder = options.folder
    this.#keepFree = options.keepFree
  }

  /** Bytes taken by all stages, those on their way included. */
  get staged(): Bytes {
    return this.#staged + this.#coming
  }

  stages(): readonly StageId[] {
    return [...this.#taken.keys()]
  }

  has(id: StageId): boolean {
    return this.#taken.has(id)
  }

  /** Takes `bytes` before a write; `done` gives them back once what the file takes is known. Throws ENOSPC. */
  reserve(bytes: Bytes): void {
    if (this.staged + this.#leaving + bytes > this.limit) {
      throw new FsError('ENOSPC', `the staging limit of ${this.limit} bytes is reached`)
    }
    if (this.#allowance < bytes) this.#ask(bytes)
    this.#allowance -= bytes
    this.#coming += bytes
  }

  /** Removed stages that take so many bytes more (or less) are still on the disk, until the next sync. */
  leaving(bytes: Bytes): void {
    this.#leaving += bytes
  }

  done(bytes: Bytes): void {
    this.#coming -= bytes
  }

  /** What the stage takes now. */
  set(id: StageId, bytes: Bytes): void {
    this.#staged += bytes - (this.#taken.get(id) ?? 0)
    this.#taken.set(id, bytes)
  }

  /** Answers with what it took. */
  remove(id: StageId): Bytes {
    const bytes = this.#taken.get(id) ?? 0
    this.#staged -= bytes
    this.#taken.delete(id)
    return bytes
  }

  #ask(bytes: Bytes): void {
    const { bavail, blocks, bsize } = statfsSync(this.#folder)
    const free = bavail * bsize - (this.#keepFree ?? usualReserve(blocks * bsize)) - this.#coming
    this.#allowance = Math.max(0, Math.min(ASK_AGAIN, free))
    if (free < bytes) throw new FsError('ENOSPC', "the journal's disk is as full as it may get")
    this.#allowance = Math.max(bytes, this.#allowance)
  }
}
