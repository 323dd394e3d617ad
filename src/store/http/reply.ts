/**
 * Reads one connection's replies: a state machine told of bytes, without any I/O.
 *
 * The reader says where the next bytes are to land (`buffer`) and is told how many came (`arrived`). While a body
 * goes to a sink, that is the sink's own memory, so the kernel writes bytes where they stay. Heads, chunk sizes and
 * whatever came along with them land in a scratch buffer and are copied on.
 *
 * Invariants: no byte beyond a reply's end is ever given to its sink; `arrived` throws HttpError `protocol` (or what
 * the sink throws) and is not called again after that; one reply at a time, pipelining is not used.
 */
import { ChunkDecoder } from './chunks.ts'
import { framing, parseHead, type ReplyHead } from './head.ts'
import { HttpError, type BodySink, type HttpReply } from './types.ts'

export interface ReplyLimits {
  readonly maxHead: number
  readonly maxBody: number
}

type State = 'idle' | 'head' | 'length' | 'chunked' | 'until-close'

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const NOTHING = new Uint8Array(0)

export class ReplyReader {
  readonly #limits: ReplyLimits
  readonly #scratch: Buffer
  #held = 0 // bytes of an unfinished head in scratch
  #state: State = 'idle'
  #method = ''
  #sink: BodySink | undefined
  #body: BodyTarget | undefined
  #head: ReplyHead | undefined
  #left = 0 // bytes of the body to come, in state `length`
  #chunks: ChunkDecoder | undefined
  #direct: Uint8Array | undefined // what buffer() lent of the target's memory
  #finished: HttpReply | undefined
  #surplus = false

  constructor(limits: ReplyLimits) {
    this.#limits = limits
    this.#scratch = Buffer.allocUnsafeSlow(limits.maxHead)
  }

  /** Whether a byte of the current reply has come. */
  get started(): boolean {
    return this.#state === 'head' ? this.#held > 0 : this.#state !== 'idle'
  }

  /** Whether the connection may serve another request, as far as the replies tell. */
  get reusable(): boolean {
    return this.#state === 'idle' && this.#head?.keepAlive !== false && !this.#surplus
  }

  /** A request was sent; its reply is awaited. */
  expect(method: string, sink: BodySink | undefined): void {
    this.#state = 'head'
    this.#method = method
    this.#sink = sink
    this.#held = 0
    this.#head = undefined
    this.#body = undefined
    this.#finished = undefined
    this.#direct = undefined
  }

  /** Where the next bytes have to land. */
  buffer(): Uint8Array {
    if (this.#state === 'head') return this.#scratch.subarray(this.#held)
    this.#direct = undefined
    if (this.#body === undefined || this.#state === 'idle') return this.#scratch
    const wanted =
      this.#state === 'length'
        ? this.#left
        : this.#state === 'chunked'
          ? (this.#chunks?.left ?? 0)
          : Infinity
    // Small rests of chunks come through scratch, with the next size line in the same read.
    if (this.#state === 'chunked' && wanted < 1024) return this.#scratch
    this.#direct = this.#body.memory(wanted)
    return this.#direct
  }

  /** `count` bytes are in what `buffer` gave last. The finished reply, if that was its last byte. */
  arrived(count: number): HttpReply | undefined {
    if (this.#direct !== undefined) {
      this.#direct = undefined
      this.#body?.filled(count)
      if (this.#state === 'length') this.#left -= count
      else if (this.#state === 'chunked') this.#chunks?.skip(count)
      if (this.#state === 'length' && this.#left === 0) this.#finish()
    } else if (this.#state === 'head') {
      this.#held += count
      this.#readHead(Math.max(0, this.#held - count - 3))
    } else {
      this.#consume(this.#scratch.subarray(0, count))
    }
    return this.#take()
  }

  /** The peer closed its side. The finished reply where the close is its end; throws where it is cut short. */
  ended(): HttpReply | undefined {
    if (this.#state === 'idle') return undefined
    if (this.#state !== 'until-close') {
      const text = this.started
        ? 'connection closed in the middle of the reply'
        : 'connection closed'
      throw new HttpError('reset', text, this.started)
    }
    this.#finish()
    this.#surplus = true
    return this.#take()
  }

  #readHead(from: number): void {
    const end = this.#scratch.subarray(0, this.#held).indexOf(END_OF_HEAD, from)
    if (end < 0) {
      if (this.#held < this.#scratch.length) return
      throw new HttpError('protocol', 'the head of the reply is too large', true)
    }
    const head = parseHead(this.#scratch.toString('latin1', 0, end))
    const rest = this.#scratch.subarray(end + END_OF_HEAD.length, this.#held)
    if (head.status < 200) {
      if (head.status === 101) throw new HttpError('protocol', 'unasked protocol switch', true)
      this.#scratch.copyWithin(0, end + END_OF_HEAD.length, this.#held)
      this.#held = rest.length
      if (rest.length > 0) this.#readHead(0)
      return
    }
    this.#begin(head)
    if (rest.length > 0) this.#consume(rest)
  }

  #begin(head: ReplyHead): void {
    this.#head = head
    const frame = framing(this.#method, head)
    const length = typeof frame === 'number' ? frame : undefined
    const sink = this.#sink
    const taken = sink?.begin(head.status, head.headers, length) === true
    this.#body = new BodyTarget(taken ? sink : undefined, length, this.#limits.maxBody)
    if (frame === 'chunked') this.#chunks = new ChunkDecoder()
    this.#left = length ?? 0
    this.#state = typeof frame === 'number' ? 'length' : frame
    if (frame === 0) this.#finish()
  }

  /** Bytes in scratch after the head: body, chunk framing, or something nobody asked for. */
  #consume(bytes: Uint8Array): void {
    const body = this.#body
    if (this.#state === 'length') {
      const count = Math.min(bytes.length, this.#left)
      body?.copy(bytes.subarray(0, count))
      this.#left -= count
      if (this.#left === 0) this.#finish()
      if (count < bytes.length) this.#surplus = true
    } else if (this.#state === 'chunked') {
      const used = (this.#chunks as ChunkDecoder).feed(bytes, part => body?.copy(part))
      if (this.#chunks?.done === true) this.#finish()
      if (used < bytes.length) this.#surplus = true
    } else if (this.#state === 'until-close') {
      body?.copy(bytes)
    } else {
      // Bytes that belong to no request: the two sides no longer agree, the connection is of no use.
      this.#surplus = true
    }
  }

  #finish(): void {
    const head = this.#head as ReplyHead
    this.#state = 'idle'
    this.#finished = {
      status: head.status,
      headers: head.headers,
      body: this.#body?.collected() ?? NOTHING,
    }
    this.#sink = undefined
    this.#body = undefined
    this.#chunks = undefined
  }

  #take(): HttpReply | undefined {
    const reply = this.#finished
    this.#finished = undefined
    return reply
  }
}

const GROWTH = 64 * 1024

/** Where one body goes: to a sink, or into memory of its own, bounded by `most`. */
class BodyTarget {
  readonly #sink: BodySink | undefined
  readonly #most: number
  #own: Uint8Array
  #used = 0

  constructor(sink: BodySink | undefined, length: number | undefined, most: number) {
    this.#sink = sink
    this.#most = most
    if (sink === undefined && length !== undefined && length > most) throw tooLarge()
    this.#own = sink === undefined && length !== undefined ? new Uint8Array(length) : NOTHING
  }

  /** Memory for the next bytes, at most `wanted` of them. */
  memory(wanted: number): Uint8Array {
    if (this.#sink === undefined) {
      if (this.#used === this.#own.length) this.#grow()
      return this.#own.subarray(this.#used, Math.min(this.#own.length, this.#used + wanted))
    }
    const given = this.#sink.next()
    if (given.length === 0) throw new Error('a sink gave no memory')
    return given.length <= wanted ? given : given.subarray(0, wanted)
  }

  filled(count: number): void {
    if (this.#sink === undefined) this.#used += count
    else this.#sink.filled(count)
  }

  copy(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const memory = this.memory(bytes.length - from)
      memory.set(bytes.subarray(from, from + memory.length))
      this.filled(memory.length)
      from += memory.length
    }
  }

  collected(): Uint8Array {
    return this.#used === this.#own.length ? this.#own : this.#own.subarray(0, this.#used)
  }

  #grow(): void {
    if (this.#used >= this.#most) throw tooLarge()
    const larger = new Uint8Array(Math.min(this.#most, Math.max(GROWTH, this.#used * 2)))
    larger.set(this.#own)
    this.#own = larger
  }
}

function tooLarge(): HttpError {
  return new HttpError('protocol', 'the body of the reply is too large', true)
}
