/** Waiting in line, in memory: a mutex, and a bound on a sum of weights. Both serve strictly in order of asking. */

/** One holder at a time. */
export class Mutex {
  #tail: Promise<void> | undefined
  #held = 0

  /** Whether somebody holds it or waits for it. */
  get busy(): boolean {
    return this.#held > 0
  }

  /** Runs `work` when all who asked before are done; passes on its result or rejection. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#tail
    let release!: () => void
    const mine = new Promise<void>(resolve => (release = resolve))
    this.#tail = mine
    this.#held += 1
    if (before) await before
    try {
      return await work()
    } finally {
      this.#held -= 1
      if (this.#tail === mine) this.#tail = undefined
      release()
    }
  }
}

/** A bound on a sum: sockets, bytes in memory. A weight over the whole bound is taken as the bound. */
export class Semaphore {
  readonly #most: number
  #used = 0
  readonly #line: { weight: number; go: () => void }[] = []

  constructor(most: number) {
    this.#most = most
  }

  get used(): number {
    return this.#used
  }

  /** Runs `work` while `weight` is taken from the bound. */
  async run<T>(weight: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(weight, this.#most)
    if (this.#line.length > 0 || this.#used + taken > this.#most) {
      await new Promise<void>(go => this.#line.push({ weight: taken, go }))
    } else {
      this.#used += taken
    }
    try {
      return await work()
    } finally {
      this.#used -= taken
      this.#admit()
    }
  }

  #admit(): void {
    for (;;) {
      const first = this.#line[0]
      if (!first || this.#used + first.weight > this.#most) return
      this.#line.shift()
      this.#used += first.weight
      first.go()
    }
  }
}
