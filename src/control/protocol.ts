/**
 * The control protocol: one JSON object a line over a unix socket. A request has a number, a method and
 * parameters; each gets one answer with its number. A line may have at most `MAX_LINE` bytes.
 */
import type { Finding, MountStatus, ObjectFacts } from './api.ts'

export const MAX_LINE = 4 * 1024 * 1024

/** Methods with parameters and result. */
export interface Methods {
  readonly status: { readonly params: Record<string, never>; readonly result: MountStatus }
  readonly flush: { readonly params: { readonly path: string }; readonly result: null }
  readonly why: { readonly params: { readonly path: string }; readonly result: readonly Finding[] }
  readonly url: {
    readonly params: { readonly path: string; readonly expires?: number }
    readonly result: string
  }
  readonly stat: { readonly params: { readonly path: string }; readonly result: ObjectFacts }
  /** Flushes, then unmounts, then ends the daemon. Answered when the mount is gone and nothing is pending. */
  readonly unmount: { readonly params: { readonly flush: boolean }; readonly result: null }
}

export type Method = keyof Methods

export interface Request {
  readonly id: number
  readonly method: Method
  readonly params: Methods[Method]['params']
}

export interface Failure {
  /** An errno name, or `EINVAL` for a request that is none. */
  readonly code: string
  readonly message: string
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: Failure }

/** Cuts a stream of text into lines. Throws RangeError for a line that is too long. */
export class LineSplitter {
  #rest = ''

  push(text: string): string[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > MAX_LINE) throw new RangeError('a control line is too long')
    return lines.filter(line => line !== '')
  }
}

const METHODS: ReadonlySet<string> = new Set<Method>([
  'status',
  'flush',
  'why',
  'url',
  'stat',
  'unmount',
])

/** Throws SyntaxError or TypeError when the line is no request. */
export function parseRequest(line: string): Request {
  const value: unknown = JSON.parse(line)
  if (typeof value !== 'object' || value === null) throw new TypeError('not an object')
  const { id, method, params } = value as Record<string, unknown>
  if (typeof id !== 'number') throw new TypeError('no id')
  if (typeof method !== 'string' || !METHODS.has(method)) throw new TypeError('no such method')
  const given = typeof params === 'object' && params !== null ? params : {}
  if ('path' in given && typeof given.path !== 'string') throw new TypeError('path is no text')
  return { id, method: method as Method, params: given as Request['params'] }
}
