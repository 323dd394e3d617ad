/**
 * The daemon's end of the control socket. The socket is for its owner only (0600, in a 0700 folder); who
 * may open it may do all it offers.
 */
import { chmodSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { toFsError } from '../core/errors.ts'
import type { Log } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'
import { LineSplitter, parseRequest } from './protocol.ts'
import type { Answer, Method, Methods, Request } from './protocol.ts'

/** How long `close` waits for answers under way. */
const LAST_ANSWERS: Milliseconds = 1000

/** Each method's implementation. A signal is aborted when the asker goes away. */
export type Handlers = {
  readonly [M in Method]: (
    params: Methods[M]['params'],
    signal: AbortSignal,
  ) => Promise<Methods[M]['result']>
}

export class ControlServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #running = new Set<Promise<void>>()
  readonly #log: Log

  private constructor(server: Server, log: Log) {
    this.#server = server
    this.#log = log
  }

  /** Rejects with the system's error if the socket cannot be made. A left-over socket file is replaced. */
  static async listen(path: string, handlers: Handlers, log: Log): Promise<ControlServer> {
    rmSync(path, { force: true })
    const server = createServer()
    const control = new ControlServer(server, log)
    server.on('connection', socket => control.#serve(socket, handlers))
    const mask = process.umask(0o177)
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, resolve)
      })
    } finally {
      process.umask(mask)
    }
    chmodSync(path, 0o600)
    server.on('error', error => log.warn('control socket', { cause: error }))
    return control
  }

  /** Gives answers under way a moment, then ends all connections; the socket file is gone afterwards. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    const moment = new Promise<void>(resolve => setTimeout(resolve, LAST_ANSWERS).unref())
    await Promise.race([Promise.allSettled(this.#running), moment])
    for (const socket of this.#sockets) socket.end()
    await closed
  }

  #serve(socket: Socket, handlers: Handlers): void {
    const lines = new LineSplitter()
    const gone = new AbortController()
    this.#sockets.add(socket)
    socket.setEncoding('utf8')
    socket.on('data', text => {
      try {
        for (const line of lines.push(String(text))) {
          const answer = this.#answer(socket, line, handlers, gone.signal)
          this.#running.add(answer)
          void answer.finally(() => this.#running.delete(answer))
        }
      } catch (error) {
        this.#log.warn('control connection dropped', { cause: error })
        socket.destroy()
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      gone.abort()
    })
  }

  async #answer(
    socket: Socket,
    line: string,
    handlers: Handlers,
    signal: AbortSignal,
  ): Promise<void> {
    let id = 0
    let answer: Answer
    try {
      const request = parseRequest(line)
      id = request.id
      answer = { id, result: await call(handlers, request, signal) }
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) {
        answer = { id, error: { code: 'EINVAL', message: error.message } }
      } else {
        const failure = toFsError(error)
        answer = { id, error: { code: failure.errno, message: failure.message } }
      }
    }
    if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`)
  }
}

function call(handlers: Handlers, request: Request, signal: AbortSignal): Promise<unknown> {
  // The protocol's types tie method and parameters; an index by a union loses that.
  const handler = handlers[request.method] as (
    params: unknown,
    signal: AbortSignal,
  ) => Promise<unknown>
  return handler(request.params, signal)
}
