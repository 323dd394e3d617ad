/**
 * Requests read by the event loop itself: epoll says when there is one, so that no thread waits, and the
 * way from the kernel to us is one wake-up.
 *
 * Node has no public way to poll a character device. A pipe's handle polls whatever descriptor it is given,
 * so one is made for the device and put under an ordinary `Socket`, which reads into our buffers (`onread`).
 * Where Node does not let us (`undefined`), threads read (`thread-source.ts`).
 */
import { Socket } from 'node:net'
import type { Source } from './device.ts'

/** What we use of Node's pipe handle, which has no type of its own. */
interface Pipe {
  /** Negative: an errno. Makes the descriptor non-blocking. */
  open(descriptor: number): number
  /** Closes the descriptor before it returns. */
  close(then?: () => void): void
  readStart?: unknown
}

/** A socket's handle; in Node's own sources `PipeConstants.SOCKET` is 0. */
const SOCKET = 0

/** Owns the descriptor from here on. */
export function pollSource(descriptor: number): Source | undefined {
  const handle = pipeHandle()
  if (handle === undefined || handle.open(descriptor) < 0) return undefined
  return {
    start({ take, onRequest, mayGoOn, onClosing, onEnd }) {
      let buffer = take()
      const close = handle.close.bind(handle)
      handle.close = then => {
        onClosing()
        close(then)
      }
      const reading = {
        // Asked for after each request: the next one may go where the last one lies, unless that is kept.
        buffer: () => buffer,
        callback: (length: number) => {
          if (onRequest(buffer, length)) buffer = take()
          return mayGoOn()
        },
      }
      let failure: Error | undefined
      // Both options are Node's own (`net.connect` passes them on), though types and manual lack `handle`.
      const options = { handle, onread: reading, allowHalfOpen: true }
      const socket = new Socket(options)
      socket.on('error', error => (failure = error))
      socket.on('close', () => onEnd(failure))
      const read = () => void socket.read(0)
      read()
      return read
    },
  }
}

/** A fresh pipe handle, from the class that a socket which is about to connect to a path has one of. */
function pipeHandle(): Pipe | undefined {
  const socket = new Socket()
  socket.on('error', () => {})
  socket.connect({ path: '/dev/null' })
  const { _handle: handle } = socket as unknown as { _handle?: Pipe | null }
  const PipeClass = handle?.constructor as (new (type: number) => Partial<Pipe>) | undefined
  socket.destroy()
  if (PipeClass === undefined) return undefined
  const made = new PipeClass(SOCKET)
  return typeof made.open === 'function' && 'readStart' in made ? (made as Pipe) : undefined
}
