/**
 * The heads of HTTP/1.1 messages: a request's rendered, a reply's parsed (RFC 9112). Pure.
 * A request that could be read by the server as two is refused here: no control character gets through.
 */
import type { Body } from '../store.ts'
import { HttpError, type HttpHeaders, type HttpRequest } from './types.ts'

export interface ReplyHead {
  readonly status: number
  readonly headers: HttpHeaders
  /** Whether the connection may be used again after this reply. */
  readonly keepAlive: boolean
}

/** Bytes of a body in all. */
export function bodyLength(body: Body | undefined): number {
  if (body === undefined) return 0
  if (body instanceof Uint8Array) return body.length
  let sum = 0
  for (const piece of body) sum += piece.length
  return sum
}

// Everything of latin1 but control characters; a tab may stand in a value.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TARGET = /^\/[\x21-\x7e]*$/

/** The head of a request, with its blank line. Throws HttpError `invalid`. `host` is the default for Host. */
export function renderHead(request: HttpRequest, host: string): string {
  const { method, path, headers, body } = request
  if (!NAME.test(method)) throw new HttpError('invalid', 'bad method')
  if (!TARGET.test(path)) throw new HttpError('invalid', 'bad request target')
  let head = `${method} ${path} HTTP/1.1\r\n`
  let hasHost = false
  let hasLength = false
  for (const name in headers) {
    const value = headers[name] as string
    if (!NAME.test(name)) throw new HttpError('invalid', 'bad header name')
    if (!VALUE.test(value)) throw new HttpError('invalid', `bad value of header ${name}`)
    if (name.length === 4 && name.toLowerCase() === 'host') hasHost = true
    else if (name.length === 14 && name.toLowerCase() === 'content-length') hasLength = true
    head += `${name}: ${value}\r\n`
  }
  if (!hasHost) head += `Host: ${host}\r\n`
  if (!hasLength && (body !== undefined || method === 'PUT' || method === 'POST')) {
    head += `Content-Length: ${bodyLength(body)}\r\n`
  }
  return `${head}\r\n`
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/

/** A reply's head from its text (without the blank line). Throws HttpError `protocol`. */
export function parseHead(text: string): ReplyHead {
  const lines = text.split('\r\n')
  const match = STATUS_LINE.exec(lines[0] ?? '')
  if (match === null) throw new HttpError('protocol', 'the reply is not HTTP/1.1', true)
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(':')
    if (colon <= 0) throw new HttpError('protocol', 'bad header line in the reply', true)
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  const connection = headers['connection']?.toLowerCase() ?? ''
  const keepAlive =
    match[1] === '1' ? !connection.includes('close') : connection.includes('keep-alive')
  return { status: Number(match[2]), headers, keepAlive }
}

/** How the body of a reply ends (RFC 9112, section 6.3). A number is its length. Throws HttpError `protocol`. */
export function framing(method: string, head: ReplyHead): number | 'chunked' | 'until-close' {
  const { status, headers } = head
  if (method === 'HEAD' || status === 204 || status === 304) return 0
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (coding.toLowerCase() === 'chunked') return 'chunked'
    throw new HttpError('protocol', 'unknown transfer coding in the reply', true)
  }
  const length = headers['content-length']
  if (length === undefined) return 'until-close'
  // The same length said twice counts once; two different ones are an attack or a bug.
  const values = new Set(length.split(',').map(value => value.trim()))
  const [only] = values
  if (values.size !== 1 || only === undefined || !/^\d{1,15}$/.test(only)) {
    throw new HttpError('protocol', 'bad Content-Length in the reply', true)
  }
  return Number(only)
}
