/** The worker of `hasher.ts`: hashes what it is sent, in order. */
import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import type { HashJob, HashResult } from './hasher.ts'

parentPort?.on('message', ({ id, algorithm, pieces }: HashJob) => {
  const state = createHash(algorithm)
  for (const piece of pieces) state.update(piece)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
  parentPort?.postMessage({ id, digest: state.digest() } satisfies HashResult)
})
