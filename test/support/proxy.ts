/**
 * A proxy between pailfs and an object store that counts requests and breaks them on command.
 *
 * Point the client at `proxy.endpoint`. The Host header goes through unchanged, so what the client
 * signed stays valid. It runs in the test's process and streams bodies.
 */
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { corrupted, errorReply, sendBody, type Fault } from './proxy-faults.ts'
import { targetOf, type Target } from './proxy-kinds.ts'

/** One request, as the proxy saw it. Filled as it goes: `status` is 0 until the server answered. */
export interface Recorded extends Target {
  method: string
  url: string
  headers: IncomingHttpHeaders
  /** Body bytes from the client. */
  requestBytes: number
  /** Body bytes handed to the client. */
  replyBytes: number
  /** What the client was told, 0 for nothing. */
  status: number
  /** The body of a POST, for DeleteObjects and CompleteMultipartUpload; else empty. */
  text: string
  fault: Fault['do'] | undefined
  /** ms since the proxy started. */
  startedAt: number
  /** NaN while it is under way. */
  endedAt: number
}

/** Which requests: all that is given must fit. */
export interface Match {
  /** Such as PutObject, or `swift PUT object`; see proxy-kinds.ts. */
  kind?: string | readonly string[]
  method?: string
  bucket?: string
  key?: string | RegExp
  where?: (request: Recorded) => boolean
}

/** A fault in wait. */
export interface Injection {
  /** How many requests met it. */
  readonly hits: number
  remove(): void
}

/** Requests that are kept from going on. */
export interface Hold {
  /** Resolves once a matching request is held. */
  arrived: Promise<Recorded>
  /** Lets it and all later ones go on. */
  release(): void
}

interface Armed extends Injection {
  hits: number
  match: Match
  fault: Fault
  left: number
}

interface Gate {
  match: Match
  point: 'before' | 'after'
  open: Promise<void>
  arrive(request: Recorded): void
}

/** Bodies of POST requests are recorded up to this, bytes. */
const TEXT_LIMIT = 1 << 20
/** Headers that are between two neighbours, not end to end. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'expect', 'proxy-connection'])

export class Proxy {
  /** All requests in the order of arrival, since the start or the last reset(). */
  requests: Recorded[] = []
  readonly endpoint: string
  readonly port: number
  readonly #target: { host: string; port: number }
  readonly #server: HttpServer
  readonly #agent = new Agent({ keepAlive: true, timeout: 20_000 })
  readonly #sockets = new Set<Socket>()
  #faults: Armed[] = []
  #gates: Gate[] = []
  #lastActivity = performance.now()
  readonly #startedAt = performance.now()

  private constructor(server: HttpServer, target: { host: string; port: number }) {
    this.#server = server
    this.#target = target
    this.port = (server.address() as AddressInfo).port
    this.endpoint = `http://127.0.0.1:${this.port}`
    const take = (request: IncomingMessage, reply: ServerResponse): void => {
      this.#handle(request, reply).catch((error: unknown) => reply.destroy(error as Error))
    }
    server.on('request', take)
    server.on('checkContinue', (request: IncomingMessage, reply: ServerResponse) => {
      reply.writeContinue()
      take(request, reply)
    })
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  /** Listens on a free port of 127.0.0.1 and forwards to the server given. */
  static async start(target: { host: string; port: number }): Promise<Proxy> {
    const server = createServer({ maxHeaderSize: 1 << 17, keepAliveTimeout: 60_000 })
    server.requestTimeout = 0
    server.headersTimeout = 0
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new Proxy(server, target)
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    this.#gates = []
    this.#agent.destroy()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  /** Resets the clients' connections; new ones are taken. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Connections of clients that are open now. */
  get connections(): number {
    return this.#sockets.size
  }

  /** How many requests of a kind, or that match; all without an argument. */
  count(what: string | Match = {}): number {
    return this.matching(what).length
  }

  matching(what: string | Match): Recorded[] {
    const match = typeof what === 'string' ? { kind: what } : what
    return this.requests.filter(request => fits(match, request))
  }

  /** Number of requests by kind: `{ PutObject: 1, HeadObject: 2 }`. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { kind } of this.requests) counts[kind] = (counts[kind] ?? 0) + 1
    return counts
  }

  /** Forgets the requests so far; faults stay. */
  reset(): void {
    this.requests = []
  }

  /** The next `times` requests that match meet the fault; the oldest fault that fits is used. */
  inject(match: Match | string, fault: Fault, times = 1): Injection {
    const armed: Armed = {
      match: typeof match === 'string' ? { kind: match } : match,
      fault,
      left: times,
      hits: 0,
      remove: () => {
        this.#faults = this.#faults.filter(other => other !== armed)
      },
    }
    this.#faults.push(armed)
    return armed
  }

  /** Removes all faults and lets go what is held. */
  clear(): void {
    this.#faults = []
    this.#gates = []
  }

  /** Holds matching requests before the server sees them, or after it did and before it is told. */
  hold(match: Match | string, point: 'before' | 'after' = 'before'): Hold {
    const arrived = deferred<Recorded>()
    const open = deferred<void>()
    const gate: Gate = {
      match: typeof match === 'string' ? { kind: match } : match,
      point,
      open: open.promise,
      arrive: arrived.resolve,
    }
    this.#gates.push(gate)
    const release = (): void => {
      this.#gates = this.#gates.filter(other => other !== gate)
      open.resolve()
    }
    return { arrived: arrived.promise, release }
  }

  /** Resolves once `count` matching requests were answered; rejects after `timeout` ms. */
  async waitFor(what: string | Match, count = 1, timeout = 30_000): Promise<void> {
    const deadline = performance.now() + timeout
    const answered = (): number =>
      this.matching(what).filter(request => !Number.isNaN(request.endedAt)).length
    while (answered() < count) {
      if (performance.now() > deadline) {
        const seen = JSON.stringify(this.counts())
        throw new Error(`${answered()} of ${count} ${JSON.stringify(what)}; seen: ${seen}`)
      }
      await sleep(20)
    }
  }

  /** Resolves once nothing was under way for `quiet` ms. */
  async idle(quiet = 1500): Promise<void> {
    for (;;) {
      const busy = this.requests.some(request => Number.isNaN(request.endedAt))
      const rest = busy ? 50 : this.#lastActivity + quiet - performance.now()
      if (rest <= 0) return
      await sleep(Math.max(rest, 10))
    }
  }

  #now(): number {
    this.#lastActivity = performance.now()
    return this.#lastActivity - this.#startedAt
  }

  async #handle(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request
    const recorded: Recorded = {
      ...targetOf(method, url, request.headers),
      method,
      url,
      headers: request.headers,
      requestBytes: 0,
      replyBytes: 0,
      status: 0,
      text: '',
      fault: undefined,
      startedAt: this.#now(),
      endedAt: NaN,
    }
    this.requests.push(recorded)
    reply.on('close', () => (recorded.endedAt = this.#now()))
    const fault = this.#faultFor(recorded)
    await this.#pass(recorded, 'before')
    if (fault && (await answered(fault, request, reply, recorded))) return
    const answer = await this.#forward(request, reply, recorded, fault)
    // Gone already: the client gave up, or the server did and the client was told.
    if (!answer || reply.destroyed) return
    if (fault?.do === 'lose-reply') {
      answer.resume()
      await new Promise(resolve => answer.on('close', resolve))
      reply.socket?.resetAndDestroy()
      return
    }
    await this.#pass(recorded, 'after')
    recorded.status = answer.statusCode ?? 0
    reply.writeHead(recorded.status, answer.statusMessage, endToEnd(answer.rawHeaders))
    await sendBody(answer, reply, fault, bytes => (recorded.replyBytes += bytes))
  }

  #faultFor(recorded: Recorded): Fault | undefined {
    const armed = this.#faults.find(({ left, match }) => left > 0 && fits(match, recorded))
    if (!armed) return undefined
    armed.left--
    armed.hits++
    if (armed.left === 0) armed.remove()
    recorded.fault = armed.fault.do
    return armed.fault
  }

  async #pass(recorded: Recorded, point: 'before' | 'after'): Promise<void> {
    for (const gate of this.#gates) {
      if (gate.point !== point || !fits(gate.match, recorded)) continue
      gate.arrive(recorded)
      await gate.open
    }
  }

  /** Sends the request on; resolves with the server's reply, or undefined when there is none. */
  #forward(
    request: IncomingMessage,
    reply: ServerResponse,
    recorded: Recorded,
    fault: Fault | undefined,
  ): Promise<IncomingMessage | undefined> {
    return new Promise(resolve => {
      const upstream = httpRequest({
        ...this.#target,
        agent: this.#agent,
        method: request.method,
        path: request.url,
        setHost: false,
        headers: endToEnd(request.rawHeaders),
      })
      upstream.on('response', resolve)
      upstream.on('error', () => {
        reply.socket?.destroy()
        resolve(undefined)
      })
      reply.on('close', () => {
        if (!reply.writableFinished && fault?.do !== 'lose-reply') upstream.destroy()
        // Answered before all of it was read: the rest must not block the connection's next request.
        request.resume()
        resolve(undefined)
      })
      request.on('data', (chunk: Buffer) => {
        const at = recorded.requestBytes
        recorded.requestBytes += chunk.length
        if (request.method === 'POST' && at < TEXT_LIMIT) recorded.text += chunk.toString()
        const bytes = fault?.do === 'corrupt-request' ? corrupted(chunk, at, fault.at ?? 0) : chunk
        if (!upstream.write(bytes) && !reply.closed) {
          request.pause()
          upstream.once('drain', () => request.resume())
        }
      })
      request.on('end', () => upstream.end())
    })
  }
}

/** Faults that need no server: true when the reply is settled. */
async function answered(
  fault: Fault,
  request: IncomingMessage,
  reply: ServerResponse,
  recorded: Recorded,
): Promise<boolean> {
  if (fault.do === 'delay') await sleep(fault.ms)
  if (fault.do === 'reset' && fault.afterBytes === undefined) {
    reply.socket?.resetAndDestroy()
    return true
  }
  if (fault.do === 'stall' && fault.afterBytes === undefined) {
    request.resume()
    return true
  }
  if (fault.do !== 'status') return false
  for await (const chunk of request) recorded.requestBytes += (chunk as Buffer).length
  recorded.status = fault.status
  const { headers, body } = errorReply(fault, recorded)
  reply.writeHead(fault.status, headers).end(recorded.method === 'HEAD' ? '' : body)
  return true
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  const made = {} as { promise: Promise<T>; resolve: (value: T) => void }
  made.promise = new Promise(resolve => (made.resolve = resolve))
  return made
}

function fits(match: Match, request: Recorded): boolean {
  const { kind, method, bucket, key, where } = match
  if (kind !== undefined && ![kind].flat().includes(request.kind)) return false
  if (method !== undefined && method !== request.method) return false
  if (bucket !== undefined && bucket !== request.bucket) return false
  if (typeof key === 'string' && key !== request.key) return false
  if (key instanceof RegExp && !key.test(request.key)) return false
  return where === undefined || where(request)
}

/** Names and values in turn, as node gives them. */
function endToEnd(raw: string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]]
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}
