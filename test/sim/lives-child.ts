/**
 * Lives of one kind after the other in a thread of its own: beside tap, whose hooks on every promise cost half of the
 * time, and on a processor of its own. Of each kind it tells of the first life that goes wrong, and goes no further.
 */
import { parentPort } from 'node:worker_threads'
import { newLife } from './kinds.ts'

export interface LivesOrder {
  readonly kind: string
  /** Seeds from `first`, each `step` on, up to `last`. */
  readonly first: number
  readonly last: number
  readonly step: number
  /** Whether errors shall tell where they are from: that takes time, and programs meet many. */
  readonly stacks: boolean
}

export interface LivesResult {
  lives: number
  crashes: number
  conflicts: number
  failure?: { seed: number; message: string; stack: string; history: readonly string[] }
}

async function live({ kind, first, last, step, stacks }: LivesOrder): Promise<LivesResult> {
  Error.stackTraceLimit = stacks ? 50 : 0
  const result: LivesResult = { lives: 0, crashes: 0, conflicts: 0 }
  for (let seed = first; seed <= last && !result.failure; seed += step) {
    const life = newLife(kind, seed)
    try {
      await life.live()
      result.lives += 1
      result.crashes += life.crashes
      result.conflicts += life.conflicts ?? 0
    } catch (error) {
      const { message = String(error), stack = '' } = error as Partial<Error>
      result.failure = { seed, message, stack, history: life.history }
    }
  }
  return result
}

parentPort?.on('message', (order: LivesOrder) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  void live(order).then(result => parentPort?.postMessage(result))
})
