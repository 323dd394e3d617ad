/**
 * A map log (stage-map.ts) on disk: appended to at once, compacted when it has grown to many times what it says.
 * A failed append leaves the log as it was.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, renameSync } from 'node:fs'
import type { Source } from '../core/state.ts'
import type { Bytes } from '../core/types.ts'
import type { Descriptors, PooledFile } from './descriptors.ts'
import { syncData, syncFile, writeAll, writeAllSync } from './file-io.ts'
import { beginFrame, compactMap, readMap, type StageMap } from './stage-map.ts'

/** Compaction is thought of from here on. */
const LARGE: Bytes = 256 << 10

export class MapFile {
  readonly #path: string
  readonly #descriptors: Descriptors
  #file: PooledFile
  #length: Bytes
  /** The length at which to compact next. */
  #bound: Bytes = LARGE

  private constructor(path: string, descriptors: Descriptors, file: PooledFile, length: Bytes) {
    this.#path = path
    this.#descriptors = descriptors
    this.#file = file
    this.#length = length
  }

  /** A new log. Throws Node's errors. */
  static create(path: string, descriptors: Descriptors, base: Source, limit: Bytes): MapFile {
    const map = new MapFile(path, descriptors, descriptors.create(path), 0)
    map.append(beginFrame(base, limit))
    return map
  }

  /** The log that is there, its torn tail cut off; undefined if there is none. Throws if it can't be read. */
  static open(
    path: string,
    descriptors: Descriptors,
  ): { file: MapFile; map: StageMap } | undefined {
    let bytes: Uint8Array
    try {
      bytes = readFileSync(path)
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return undefined
      throw error
    }
    const map = readMap(bytes)
    if (map === undefined) throw new Error('its map can not be read')
    const file = new MapFile(path, descriptors, descriptors.file(path), map.length)
    if (map.length < bytes.length) file.#cut()
    return { file, map }
  }

  get length(): Bytes {
    return this.#length
  }

  append(frame: Uint8Array): void {
    const fd = this.#file.acquire()
    try {
      writeAllSync(fd, frame, this.#length)
      this.#length += frame.length
    } catch (error) {
      ftruncateSync(fd, this.#length)
      throw error
    } finally {
      this.#file.release()
    }
  }

  /** Whether `compact` is due. */
  get large(): boolean {
    return this.#length >= this.#bound
  }

  /** Replaces the log by a short one that says `map`. The new one is on the disk before it takes the name. */
  async compact(map: Omit<StageMap, 'length'>): Promise<void> {
    const bytes = compactMap(map)
    this.#bound = Math.max(LARGE, 4 * bytes.length)
    if (2 * bytes.length > this.#length) return
    const fd = openSync(`${this.#path}.new`, 'w', 0o600)
    try {
      await writeAll(fd, bytes, 0)
      await syncFile(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(`${this.#path}.new`, this.#path)
    this.#file.close()
    this.#file = this.#descriptors.file(this.#path)
    this.#length = bytes.length
  }

  async sync(): Promise<void> {
    const file = this.#file
    const fd = file.acquire()
    try {
      await syncData(fd)
    } finally {
      file.release()
    }
  }

  close(): void {
    this.#file.close()
  }

  #cut(): void {
    try {
      ftruncateSync(this.#file.acquire(), this.#length)
    } finally {
      this.#file.release()
    }
  }
}
