/**
 * A large object that is sent while it is written: a staged file without a base, cut by its layout. Full parts behind
 * the place of writing go ahead of time; a part that was written to again is sent again before the end.
 */
import type { Part, ObjectStore, Upload } from '../store/store.ts'
import type { Bodies } from './bodies.ts'
import type { Bytes, ObjectMeta } from '../core/types.ts'
import type { Staged } from './staged.ts'

export interface PartPorts {
  readonly store: ObjectStore
  /** Bounds the bytes of bodies in memory. */
  readonly bodies: Bodies
}

/** Parts of one upload under way at once. */
const AT_ONCE = 4

/** A part that the server has, of the staged bytes at that revision. */
export interface SentPart {
  readonly revision: number
  readonly part: Part
}

export class PartUpload {
  readonly upload: Upload
  /** The metadata it was begun with: on S3 the object gets this, whatever was learnt later. */
  readonly meta: ObjectMeta
  readonly #ports: PartPorts
  readonly #staged: Staged
  readonly #sent = new Map<number, SentPart>()
  readonly #running = new Map<number, Promise<void>>()
  readonly #aborter = new AbortController()
  /** Set by a failure of a part sent ahead: the rest waits for the end, where failures have somebody to tell. */
  #quiet = false

  /** `known`: parts that the server has of it already. */
  constructor(
    ports: PartPorts,
    staged: Staged,
    upload: Upload,
    begun: { readonly meta: ObjectMeta; readonly known?: readonly SentPart[] },
  ) {
    this.meta = begun.meta
    for (const sent of begun.known ?? []) this.#sent.set(sent.part.number, sent)
    this.#ports = ports
    this.#staged = staged
    this.upload = upload
  }

  /** Bytes that the server has of the current content. */
  get sentBytes(): Bytes {
    let sum = 0
    for (const number of this.#sent.keys()) {
      if (!this.#stale(number)) sum += this.#staged.layout.partSize(number)
    }
    return sum
  }

  /** Starts sending parts that are full and that writing has left behind. Never waits, never throws. */
  advance(): void {
    if (this.#quiet || this.#aborter.signal.aborted) return
    const { layout, front, stage } = this.#staged
    const written = Math.min(front, stage.size)
    const last = written === 0 ? 0 : layout.partOf(written) - 1
    for (let number = 1; number <= last && this.#running.size < AT_ONCE; number++) {
      if (!this.#stale(number) || this.#running.has(number)) continue
      this.#start(number).then(
        () => this.advance(),
        () => (this.#quiet = true),
      )
    }
  }

  /**
   * Sends what is missing or stale and resolves with all parts of the current content. The caller makes sure that
   * nobody writes meanwhile, or compares revisions afterwards. Rejects with the first failure.
   */
  async finish(): Promise<Part[]> {
    this.#quiet = true
    await Promise.allSettled(this.#running.values())
    const { layout, stage } = this.#staged
    const count = layout.partOf(stage.size - 1)
    for (const number of this.#sent.keys()) if (number > count) this.#sent.delete(number)
    let next = 1
    const worker = async () => {
      for (let number = next++; number <= count; number = next++) {
        if (this.#stale(number)) await this.#start(number)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    this.#quiet = false
    return Array.from({ length: count }, (_, at) => this.#sent.get(at + 1)!.part)
  }

  /** Sends nothing more; resolves, when nothing is under way, with the parts that the server has. Never rejects. */
  async stop(): Promise<Part[]> {
    this.#quiet = true
    this.#aborter.abort()
    await Promise.allSettled(this.#running.values())
    return [...this.#sent.values()].map(sent => sent.part)
  }

  #range(number: number) {
    return this.#staged.layout.partRange(number, this.#staged.stage.size)
  }

  #stale(number: number): boolean {
    const sent = this.#sent.get(number)
    if (!sent) return true
    const { start, end } = this.#range(number)
    return sent.revision !== this.#staged.partRevision(number) || sent.part.size !== end - start
  }

  #start(number: number): Promise<void> {
    const run = this.#send(number).finally(() => this.#running.delete(number))
    this.#running.set(number, run)
    return run
  }

  async #send(number: number): Promise<void> {
    const { store, bodies } = this.#ports
    await bodies.run(this.#staged.layout.partSize(number), async take => {
      const { start, end } = this.#range(number)
      // Taken before the read: a write in between leaves the part stale, whatever of it was read.
      const revision = this.#staged.partRevision(number)
      const body = take(end - start)
      const got = await this.#staged.stage.read(body, start)
      if (got < body.byteLength) body.fill(0, got)
      const part = await store.uploadPart(this.upload, number, body, this.#aborter.signal)
      this.#sent.set(number, { revision, part })
    })
  }
}
