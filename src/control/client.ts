/** The command line's end of the control socket. */
import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { LineSplitter } from './protocol.ts'
import type { Answer, Method, Methods } from './protocol.ts'

/** What the daemon answered instead of a result, or why it could not be asked (`code` ENOCONN). */
export class ControlError extends Error {
  override readonly name = 'ControlError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: ControlError) => void
}

export class ControlClient {
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #next = 1

  private constructor(socket: Socket) {
    this.#socket = socket
    const lines = new LineSplitter()
    socket.setEncoding('utf8')
    socket.on('data', text => {
      for (const line of lines.push(String(text))) this.#settle(JSON.parse(line) as Answer)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) {
        reject(new ControlError('ENOCONN', 'the daemon ended without an answer'))
      }
      this.#waiting.clear()
    })
  }

  /** Rejects with ControlError ENOCONN when nobody listens there. */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path)
      const failed = (error: Error) => reject(new ControlError('ENOCONN', error.message))
      socket.once('error', failed)
      socket.once('connect', () => {
        socket.off('error', failed)
        resolve(new ControlClient(socket))
      })
    })
  }

  /** Rejects with ControlError. */
  call<M extends Method>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    const id = this.#next
    this.#next += 1
    return new Promise((resolve, reject) => {
      if (!this.#socket.writable) {
        reject(new ControlError('ENOCONN', 'the daemon has ended'))
        return
      }
      this.#waiting.set(id, { resolve: result => resolve(result as Methods[M]['result']), reject })
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    if (!waiting) return
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiting.reject(new ControlError(answer.error.code, answer.error.message))
    else waiting.resolve(answer.result)
  }
}
