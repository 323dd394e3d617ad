/** A queue by time: names come out in the order in which they are due. A binary heap; a name's latest entry counts. */
import type { Milliseconds } from './types.ts'

interface Entry {
  readonly due: Milliseconds
  readonly name: string
  readonly serial: number
}

export class DueQueue {
  readonly #heap: Entry[] = []
  readonly #latest = new Map<string, number>()
  #serial = 0

  get size(): number {
    return this.#latest.size
  }

  /** Sets when `name` is due, instead of what was said before. */
  set(name: string, due: Milliseconds): void {
    const serial = ++this.#serial
    this.#latest.set(name, serial)
    this.#push({ due, name, serial })
  }

  delete(name: string): void {
    this.#latest.delete(name)
  }

  /** When the first is due; undefined when there is none. */
  next(): Milliseconds | undefined {
    this.#skim()
    return this.#heap[0]?.due
  }

  /** Takes the first name that is due at `now`. */
  take(now: Milliseconds): string | undefined {
    this.#skim()
    const first = this.#heap[0]
    if (!first || first.due > now) return undefined
    this.#pop()
    this.#latest.delete(first.name)
    return first.name
  }

  #skim(): void {
    for (;;) {
      const first = this.#heap[0]
      if (!first || this.#latest.get(first.name) === first.serial) return
      this.#pop()
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]!
      if (!before(entry, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down += 1
      if (!before(heap[down]!, last)) break
      heap[at] = heap[down]!
      at = down
    }
    heap[at] = last
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.serial < b.serial)
}
