/** First in, first out, at a constant cost: an array's `shift` moves all that is left. */
export class Queue<T> {
  #items: T[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  add(item: T): void {
    this.#items.push(item)
  }

  /** The first, which stays. */
  peek(): T | undefined {
    return this.#items[this.#head]
  }

  take(): T | undefined {
    const item = this.#items[this.#head]
    if (this.#head < this.#items.length) this.#head++
    if (this.#head > 1000 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  clear(): readonly T[] {
    const left = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    return left
  }
}
