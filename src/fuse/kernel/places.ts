/**
 * What the kernel knows: which inode it saw last under which name, and how often it was told of each. It
 * gives failures a path for the log, readdir its `..`, and is as large as the kernel's own memory of
 * inodes, since forgotten ones go.
 */
import type { Ino } from '../../core/types.ts'

export const ROOT: Ino = 1

interface Place {
  parent: Ino
  name: string
  /** Answers with this inode that the kernel has not taken back by FORGET. */
  told: number
  /** It was told nothing but what it is. */
  provisional: boolean
}

export class Places {
  readonly #places = new Map<Ino, Place>()

  /** Inodes that the kernel was told of and has not forgotten. */
  get size(): number {
    return this.#places.size
  }

  /** The kernel was told that `name` in `parent` is `ino`; `provisional`: and nothing else of it. */
  told(ino: Ino, parent: Ino, name: string, provisional = false): void {
    const told = (this.#places.get(ino)?.told ?? 0) + 1
    this.#places.set(ino, { parent, name, told, provisional })
  }

  /** The kernel was told all of the inode's attributes. */
  toldAll(ino: Ino): void {
    const place = this.#places.get(ino)
    if (place) place.provisional = false
  }

  /** Whether the kernel does not know yet whose the inode is. */
  isProvisional(ino: Ino): boolean {
    return this.#places.get(ino)?.provisional === true
  }

  /** True: it knows nothing of the inode any more. */
  forgotten(ino: Ino, count: number): boolean {
    const place = this.#places.get(ino)
    if (place === undefined) return true
    place.told -= count
    if (place.told > 0) return false
    this.#places.delete(ino)
    return true
  }

  parentOf(ino: Ino): Ino {
    return this.#places.get(ino)?.parent ?? ROOT
  }

  /** For people: may be out of date after a rename. */
  pathOf(ino: Ino, name?: string): string {
    const parts = name === undefined ? [] : [name]
    // Names from before and after a rename could make a circle.
    for (let at = ino, steps = 0; at !== ROOT && steps < 256; steps++) {
      const place = this.#places.get(at)
      parts.push(place?.name ?? `inode ${at}`)
      if (place === undefined) break
      at = place.parent
    }
    return `/${parts.reverse().join('/')}`
  }
}
