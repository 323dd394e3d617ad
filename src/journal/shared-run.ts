/** Work that many ask for at once, such as a flush of the disk: one that has not begun yet serves all who wait. */
export class SharedRun {
  readonly #work: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(work: () => Promise<void>) {
    this.#work = work
  }

  get busy(): boolean {
    return this.#running !== undefined
  }

  /** Settles as a run does that began after the call: one under way may have passed what was done since. */
  run(): Promise<void> {
    this.#next ??= this.#after(this.#running)
    return this.#next
  }

  async #after(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => {})
    const running = this.#work()
    this.#running = running
    this.#next = undefined
    try {
      await running
    } finally {
      if (this.#running === running) this.#running = undefined
    }
  }
}
