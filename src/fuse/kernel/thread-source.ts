/**
 * Requests read by threads of Node's pool, each of which waits in the kernel. Works everywhere, and costs:
 * the threads are not there for files, and a process with a waiting one cannot exit (Node joins its threads),
 * so that the connection must be aborted first (`abort.ts`).
 */
import { closeSync, read } from 'node:fs'
import type { Source } from './device.ts'

/** Bound on waiting threads. */
const MAX_READERS = 4
/** What Node's pool has when the environment says nothing. */
const POOL = 4

/** Owns the descriptor from here on. */
export function threadSource(descriptor: number): Source {
  return {
    start({ take, onRequest, mayGoOn, onClosing, onEnd }) {
      let left = readers()
      const resting: Buffer[] = []
      const next = (buffer: Buffer) => {
        read(descriptor, buffer, 0, buffer.length, null, (error, length) => {
          if (!error) {
            const free = onRequest(buffer, length) ? take() : buffer
            if (mayGoOn()) next(free)
            else resting.push(free)
          } else if (PASSING.has(error.code ?? '')) next(buffer)
          else if (--left === 0) {
            onClosing()
            closeSync(descriptor)
            onEnd(error)
          }
        })
      }
      for (let n = left; n > 0; n--) next(take())
      return () => {
        for (const buffer of resting.splice(0)) next(buffer)
      }
    },
  }
}

/** ENOENT: a request was given up while it was read. */
const PASSING: ReadonlySet<string> = new Set(['ENOENT', 'EINTR', 'EAGAIN'])

function readers(): number {
  const pool = Number(process.env['UV_THREADPOOL_SIZE']) || POOL
  return Math.max(1, Math.min(MAX_READERS, Math.floor(pool / 2)))
}
