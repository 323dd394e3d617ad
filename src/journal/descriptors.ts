/**
 * A bound on open files: of the files made here at most `limit` are open at a time, the least recently used
 * ones are closed and opened again by themselves when they are next used. A file in use is never closed, so
 * that the bound may be passed for as long as more files than that are in use at once.
 */
import { closeSync, openSync, type PathLike } from 'node:fs'

/** One file, open or not. Take the descriptor with `acquire`, and give it back with `release`. */
export interface PooledFile {
  /** The descriptor. Throws what open(2) says. */
  acquire(): number
  release(): void
  /** Closes it, as soon as it is not in use; a later `acquire` opens it again. */
  close(): void
}

class Entry implements PooledFile {
  readonly #path: PathLike
  readonly #pool: Descriptors
  #fd: number | undefined
  #uses = 0
  #closing = false

  constructor(pool: Descriptors, path: PathLike, fd?: number) {
    this.#pool = pool
    this.#path = path
    this.#fd = fd
  }

  get idle(): boolean {
    return this.#uses === 0
  }

  acquire(): number {
    this.#fd ??= openSync(this.#path, 'r+')
    this.#closing = false
    this.#uses++
    this.#pool.used(this)
    return this.#fd
  }

  release(): void {
    this.#uses--
    if (this.#uses === 0 && this.#closing) this.close()
  }

  close(): void {
    this.#closing = true
    if (this.#uses > 0) return
    const fd = this.#fd
    this.#fd = undefined
    this.#pool.closed(this)
    if (fd !== undefined) closeSync(fd)
  }
}

export class Descriptors {
  readonly #limit: number
  /** In the order of last use. */
  readonly #open = new Set<Entry>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many are open. */
  get open(): number {
    return this.#open.size
  }

  /** A file that is there, not opened yet. */
  file(path: PathLike): PooledFile {
    return new Entry(this, path)
  }

  /** A new file. Throws EEXIST if it is there, and whatever else open(2) says. */
  create(path: PathLike): PooledFile {
    const entry = new Entry(this, path, openSync(path, 'wx+', 0o600))
    this.used(entry)
    return entry
  }

  used(entry: Entry): void {
    this.#open.delete(entry)
    this.#open.add(entry)
    if (this.#open.size <= this.#limit) return
    for (const old of this.#open) {
      if (old === entry || !old.idle) continue
      old.close()
      if (this.#open.size <= this.#limit) return
    }
  }

  closed(entry: Entry): void {
    this.#open.delete(entry)
  }
}
