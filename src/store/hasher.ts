/**
 * MD5 and SHA-256 of bodies without holding up the thread that serves the file system: small ones at once, larger
 * ones in a worker. Shared memory is hashed where it is; other memory is copied once, since it is being sent too.
 */
import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { Body } from './store.ts'
import { bodyLength } from './http/head.ts'

export type Algorithm = 'md5' | 'sha256'

/** What goes to the worker and what comes back. */
export interface HashJob {
  readonly id: number
  readonly algorithm: Algorithm
  readonly pieces: readonly Uint8Array[]
}
export interface HashResult {
  readonly id: number
  readonly digest: Uint8Array
}

/** Bodies up to this size are hashed on the spot: a tenth of a millisecond for MD5. */
const INLINE = 64 * 1024

interface Pending {
  readonly pieces: readonly Uint8Array[]
  readonly algorithm: Algorithm
  readonly resolve: (digest: Buffer) => void
}

export class Hasher {
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #broken = false
  #last = 0

  /** The digest of a body. Always resolves: without a worker it is computed here. */
  async digest(algorithm: Algorithm, body: Body): Promise<Buffer> {
    const pieces = body instanceof Uint8Array ? [body] : body
    if (bodyLength(body) <= INLINE || this.#broken) return hash(algorithm, pieces)
    return new Promise(resolve => {
      const id = ++this.#last
      this.#pending.set(id, { pieces, algorithm, resolve })
      const worker = this.#start()
      const copies: ArrayBuffer[] = []
      const sent = pieces.map(piece => {
        if (piece.buffer instanceof SharedArrayBuffer) return piece
        const copy = new Uint8Array(piece)
        copies.push(copy.buffer)
        return copy
      })
      worker.ref()
      worker.postMessage({ id, algorithm, pieces: sent } satisfies HashJob, copies)
    })
  }

  close(): void {
    this.#giveUp()
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL('./hash-worker.js', import.meta.url))
    worker.on('message', (result: HashResult) => {
      const pending = this.#pending.get(result.id)
      this.#pending.delete(result.id)
      if (this.#pending.size === 0) worker.unref()
      pending?.resolve(Buffer.from(result.digest))
    })
    worker.on('error', () => this.#giveUp())
    this.#worker = worker
    return worker
  }

  /** The worker is gone: what it owes is computed here, as is all that comes later. */
  #giveUp(): void {
    this.#broken = true
    void this.#worker?.terminate()
    this.#worker = undefined
    const owed = [...this.#pending.values()]
    this.#pending.clear()
    for (const { algorithm, pieces, resolve } of owed) resolve(hash(algorithm, pieces))
  }
}

function hash(algorithm: Algorithm, pieces: readonly Uint8Array[]): Buffer {
  const state = createHash(algorithm)
  for (const piece of pieces) state.update(piece)
  return state.digest()
}
