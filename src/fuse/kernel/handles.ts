/**
 * Open files and directories as the kernel knows them, and to which state of a file the kernel's own pages
 * belong. A page never outlives the version it was read from: an open keeps the pages only where nothing
 * came from elsewhere since the last open, and a handle of an older state reads no more (its bytes would
 * get between newer ones).
 */
import type { HandleId, Ino } from '../../core/types.ts'
import type { DirEntry, FileSystem } from '../../fs/api.ts'

export interface OpenFile {
  readonly ino: Ino
  /** As `FileSystem.generation`; undefined: the file system does not say. */
  readonly generation: number | undefined
}

export interface OpenDirectory {
  readonly ino: Ino
  /** As of the last read from the start. */
  entries: readonly DirEntry[] | undefined
}

interface Pages {
  readonly generation: number
  /** There may be pages of an older state, until an open drops them. */
  stale: boolean
}

export class Handles {
  readonly #files = new Map<HandleId, OpenFile>()
  readonly #directories = new Map<HandleId, OpenDirectory>()
  readonly #pages = new Map<Ino, Pages>()

  /**
   * A file was opened. `changed`: it is another one than the kernel knows, attributes included, and the
   * kernel is to ask for them and open again. `keep`: the kernel's pages are of this state.
   */
  opened(handle: HandleId, file: OpenFile): { changed: boolean; keep: boolean } {
    const { ino, generation } = file
    this.#files.set(handle, file)
    if (generation === undefined) return { changed: false, keep: false }
    const pages = this.#pages.get(ino)
    if (pages?.generation !== generation) {
      // Unknown until now: this open drops whatever there is.
      this.#pages.set(ino, { generation, stale: pages !== undefined })
      return { changed: pages !== undefined && !pages.stale, keep: false }
    }
    const keep = !pages.stale
    pages.stale = false
    return { changed: false, keep }
  }

  /** Whether what this handle reads may stand beside the kernel's pages. */
  isCurrent(handle: HandleId): boolean {
    const file = this.#files.get(handle)
    if (file?.generation === undefined) return true
    return (this.#pages.get(file.ino)?.generation ?? file.generation) === file.generation
  }

  /** The kernel was told attributes of this state that it may go by: an open of another one must not. */
  told(ino: Ino, generation: number): void {
    if (!this.#pages.has(ino)) this.#pages.set(ino, { generation, stale: false })
  }

  closed(handle: HandleId): void {
    this.#files.delete(handle)
  }

  openedDirectory(handle: HandleId, ino: Ino): void {
    this.#directories.set(handle, { ino, entries: undefined })
  }

  directory(handle: HandleId): OpenDirectory | undefined {
    return this.#directories.get(handle)
  }

  closedDirectory(handle: HandleId): void {
    this.#directories.delete(handle)
  }

  forget(ino: Ino): void {
    this.#pages.delete(ino)
  }

  /** The kernel drops waiting releases at an unmount: what is left is released here. */
  async releaseAll(fs: FileSystem): Promise<void> {
    const left = [
      ...[...this.#files.keys()].map(handle => fs.release(handle)),
      ...[...this.#directories.keys()].map(handle => fs.releasedir(handle)),
    ]
    this.#files.clear()
    this.#directories.clear()
    await Promise.allSettled(left)
  }
}
