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
}

export class Places {
  readonly #places = new Map<Ino, Place>()

  /** Inodes that the kernel was told of and has not forgotten. */
  get size(): number {
    return this.#places.size
  }

  /** The kernel was told that `name` in `parent` is `ino`. */
  told(ino: Ino, parent: Ino, name: string): void {
    const place = this.#places.get(ino)
    if (place === undefined) {
      this.#places.set(ino, { parent, name, told: 1 })
      return
    }
    place.parent = parent
    place.name = name
    place.told += 1
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
