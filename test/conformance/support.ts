/** What all groups of the conformance suite use: a store under test, sinks, odd keys, waiting for listings. */
import type { Test } from 'tap'
import type { StoreErrorKind } from '../../src/core/errors.ts'
import type { Key, ObjectMeta, Range } from '../../src/core/types.ts'
import type {
  GetOptions,
  ListedObject,
  ObjectHead,
  ObjectStore,
  Sink,
} from '../../src/store/store.ts'

/** One group of the suite: subtests on `store`, all keys below `base`. */
export type Group = (t: Test, store: ObjectStore, base: string) => Promise<void>

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (data: Uint8Array): string => new TextDecoder().decode(data)
export const noMeta: ObjectMeta = { user: {} }

/** Bytes that differ everywhere, so that shifted or swapped pieces are seen. */
export function pattern(size: number, seed = 1): Uint8Array {
  const data = new Uint8Array(size)
  let state = seed * 2654435761
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    data[i] = state >>> 16
  }
  return data
}

/** Collects a body in pieces of `piece` bytes and checks the order of the calls. */
export class CheckedSink implements Sink {
  readonly #piece: number
  readonly #parts: Uint8Array[] = []
  #lent: Uint8Array | undefined
  #lentUsed = 0
  readonly faults: string[] = []
  head: ObjectHead | undefined

  constructor(piece = 64 * 1024) {
    this.#piece = piece
  }

  begin(head: ObjectHead): void {
    if (this.head !== undefined) this.faults.push('begin twice')
    this.head = head
  }

  next(): Uint8Array {
    if (this.head === undefined) this.faults.push('next before begin')
    if (this.#lent === undefined || this.#lentUsed === this.#lent.length) {
      this.#lent = new Uint8Array(this.#piece)
      this.#lentUsed = 0
      this.#parts.push(this.#lent)
    }
    return this.#lent.subarray(this.#lentUsed)
  }

  filled(count: number): void {
    const room = (this.#lent?.length ?? 0) - this.#lentUsed
    if (count < 1 || count > room) this.faults.push(`filled ${count} of ${room}`)
    this.#lentUsed += count
  }

  get bytes(): Uint8Array {
    const whole = this.#parts.slice(0, -1)
    const last = this.#lent?.subarray(0, this.#lentUsed)
    return new Uint8Array(Buffer.concat(last === undefined ? whole : [...whole, last]))
  }
}

/** A whole object or a range of it. */
export async function read(
  store: ObjectStore,
  key: Key,
  range?: Range,
  options: GetOptions = {},
): Promise<Uint8Array> {
  const sink = new CheckedSink()
  await store.get(key, range === undefined ? options : { ...options, range }, sink)
  if (sink.faults.length > 0) throw new Error(`sink: ${sink.faults.join(', ')}`)
  return sink.bytes
}

/** Every object below a prefix, through all pages. */
export async function listAll(
  store: ObjectStore,
  prefix: string,
  limit?: number,
): Promise<ListedObject[]> {
  const found: ListedObject[] = []
  let token: string | undefined
  for (let pages = 0; pages < 10_000; pages++) {
    const page = await store.list({
      prefix,
      ...(token === undefined ? {} : { token }),
      ...(limit === undefined ? {} : { limit }),
    })
    found.push(...page.objects)
    if (page.next === undefined) return found
    token = page.next
  }
  throw new Error('the listing has no end')
}

/** Calls `attempt` until `good` holds: at once where listings are current, for some seconds where they lag. */
export async function settled<T>(
  store: ObjectStore,
  attempt: () => Promise<T>,
  good: (value: T) => boolean,
): Promise<T> {
  for (let tries = store.features.listingCurrent ? 1 : 40; ; tries--) {
    const value = await attempt()
    if (good(value) || tries <= 1) return value
    await new Promise(resolve => setTimeout(resolve, 250))
  }
}

/** Asserts that `call` rejects with a StoreError of one of the kinds. */
export async function rejects(
  t: Test,
  call: Promise<unknown>,
  kinds: StoreErrorKind | readonly StoreErrorKind[],
  message: string,
): Promise<void> {
  const wanted = typeof kinds === 'string' ? [kinds] : kinds
  const outcome = await call.then(
    () => 'resolved',
    (error: unknown) => {
      const { name, kind } = error as { name: string; kind?: string }
      return name === 'StoreError' ? (kind as string) : `${name}: ${String(error)}`
    },
  )
  t.ok(
    wanted.includes(outcome as StoreErrorKind),
    `${message}: ${wanted.join(' or ')}, got ${outcome}`,
  )
}

/** Names that are awkward somewhere: in URLs, XML, paths, signatures, shells. */
export const ODD_NAMES: readonly string[] = [
  'plain',
  'with space',
  'plus+and%20percent%',
  'a&b=c?d#e',
  'quo\'te"<>',
  'ünï/č/日本/😀',
  'e\u0301 and \u00e9',
  'new\nline',
  'tab\tand\u0001control',
  'double//slash',
  '/leading',
  'trailing/',
  'trailing//',
  './dot',
  '../dots',
  'a/./b',
  'a/../b',
  '.',
  '..',
  '*!~()_-.$@:,;[]{}|\\^`',
  '%2F%00',
  `long-${'x'.repeat(300)}`,
]
