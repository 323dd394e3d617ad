/** What the proxy can do to a request, and how a reply's body is passed on under a fault. */
import type { IncomingMessage, ServerResponse } from 'node:http'

export type Fault =
  /** Goes on after a while, unharmed. */
  | { do: 'delay'; ms: number }
  /** The connection is reset: at once, the server never hears of it; or after so many body bytes of the reply. */
  | { do: 'reset'; afterBytes?: number }
  /** The server does what was asked, then the connection is reset without a word of its reply. */
  | { do: 'lose-reply' }
  /** The reply's body ends after so many bytes with a closed connection; its head promised more. */
  | { do: 'truncate'; bytes: number }
  /** A byte of the reply's body is flipped; `at` is its offset, default 0. */
  | { do: 'corrupt'; at?: number }
  /** A byte of the request's body is flipped on its way to the server. */
  | { do: 'corrupt-request'; at?: number }
  /** Silence: for ever, or after so many body bytes of the reply. The connection stays open. */
  | { do: 'stall'; afterBytes?: number }
  /** An error reply from the proxy; the server never hears of it. Code: as S3 has it in the XML. */
  | {
      do: 'status'
      status: number
      code?: string
      message?: string
      headers?: Record<string, string>
    }

/** Common replies: `proxy.inject('PutObject', SLOW_DOWN, 3)`. */
export const SLOW_DOWN: Fault = { do: 'status', status: 503, code: 'SlowDown' }
export const INTERNAL_ERROR: Fault = { do: 'status', status: 500, code: 'InternalError' }
export const ACCESS_DENIED: Fault = { do: 'status', status: 403, code: 'AccessDenied' }
export const EXPIRED_TOKEN: Fault = { do: 'status', status: 403, code: 'ExpiredToken' }

/** The chunk with the byte at body offset `at` flipped, when it is in this chunk. */
export function corrupted(chunk: Buffer, offset: number, at: number): Buffer {
  if (at < offset || at >= offset + chunk.length) return chunk
  const copy = Buffer.from(chunk)
  copy[at - offset] = (copy[at - offset] ?? 0) ^ 0xff
  return copy
}

/** An error as S3 words it (Error responses, S3 API reference); Swift's clients look at the status only. */
export function errorReply(
  fault: Fault & { do: 'status' },
  request: { kind: string; bucket: string; key: string },
): { headers: Record<string, string>; body: string } {
  const code = fault.code ?? 'InternalError'
  const message = fault.message ?? `${code}, said the test's proxy to ${request.kind}`
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>PROXY0000000001</RequestId></Error>`
  const headers = {
    'Content-Type': 'application/xml',
    'Content-Length': String(Buffer.byteLength(body)),
    'x-amz-request-id': 'PROXY0000000001',
    ...fault.headers,
  }
  return { headers, body }
}

/** Passes the body on, up to where the fault says. Resolves when there is no more to do. */
export async function sendBody(
  answer: IncomingMessage,
  reply: ServerResponse,
  fault: Fault | undefined,
  sent: (bytes: number) => void,
): Promise<void> {
  const limit = limitOf(fault)
  let offset = 0
  const write = (chunk: Buffer): Promise<void> =>
    new Promise(resolve => {
      reply.once('close', resolve)
      reply.write(chunk, () => {
        reply.off('close', resolve)
        resolve()
      })
    })
  if (limit === 0) reply.flushHeaders()
  try {
    for await (const data of answer) {
      const whole = data as Buffer
      const chunk = fault?.do === 'corrupt' ? corrupted(whole, offset, fault.at ?? 0) : whole
      const part = chunk.subarray(0, Math.max(0, limit - offset))
      if (part.length > 0) await write(part)
      sent(part.length)
      offset += part.length
      if (offset >= limit || reply.destroyed) break
    }
  } catch {
    // The server broke off: so does the proxy.
    reply.socket?.destroy()
    return
  }
  if (limit === Infinity || offset < limit) reply.end()
  else if (fault?.do === 'reset') reply.socket?.resetAndDestroy()
  else if (fault?.do === 'truncate') reply.socket?.end()
}

function limitOf(fault: Fault | undefined): number {
  if (fault?.do === 'truncate') return fault.bytes
  if (fault?.do === 'reset' || fault?.do === 'stall') return fault.afterBytes ?? 0
  return Infinity
}
