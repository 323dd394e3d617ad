/**
 * Extended attributes `user.NAME` as user metadata, and back. NAME is without `user.` throughout.
 *
 * Plain names (lower-case letters, digits, `.` and `-`) and plain values (printable ASCII) are one to one, so that
 * what any S3 or Swift client sets is what is seen here, and back. Everything else is escaped so that it survives
 * servers that fold case, turn `_` into `-`, trim values or drop empty ones:
 *
 * - names: `pail--` and the UTF-8 bytes, each that is no lower-case letter, digit or `.` as `-hh` in hexadecimal;
 * - values: `UTF-8''` and the text percent-encoded (the form of RFC 8187), or `base64''` and base64 where that is
 *   much shorter or the bytes are no text.
 *
 * Only exactly what `toHeader` would have written is taken for an escape; anything else was written by others and is
 * shown as it is, percent signs and all, with one exception: encoded words (RFC 2047), in which S3 answers text that
 * is not ASCII, are decoded.
 */
import { decodeWords } from './encoded-words.ts'
import { isPosixField } from './posix-fields.ts'

const NAME_MARK = 'pail--'
const TEXT_MARK = `UTF-8''`
const BINARY_MARK = `base64''`

/** A user metadata header: the name in lower case without prefix, and the value, both ASCII. */
export interface MetaHeader {
  readonly name: string
  readonly value: string
}

const utf8 = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

function isPlainName(name: string): boolean {
  return /^[a-z0-9.-]+$/.test(name) && !isPosixField(name) && unescapeName(name) === undefined
}

function escapeName(name: string): string {
  let text = NAME_MARK
  for (const byte of utf8.encode(name)) {
    const character = String.fromCharCode(byte)
    text += /[a-z0-9.]/.test(character) ? character : `-${byte.toString(16).padStart(2, '0')}`
  }
  return text
}

/** What an escaped name stands for; undefined for one that `escapeName` does not give. */
function unescapeName(header: string): string | undefined {
  if (!header.startsWith(NAME_MARK)) return undefined
  const bytes: number[] = []
  for (const [token] of header.slice(NAME_MARK.length).matchAll(/-[0-9a-f]{2}|./gs)) {
    bytes.push(token.length === 3 ? Number.parseInt(token.slice(1), 16) : token.charCodeAt(0))
  }
  const name = decodeUtf8(Uint8Array.from(bytes))
  if (name === undefined || isPlainName(name)) return undefined
  return escapeName(name) === header ? name : undefined
}

/** Printable, with no spaces at the ends or in a row, which servers and signatures treat in their own ways. */
function isPlainValue(text: string): boolean {
  return (
    /^[!-~]+(?: [!-~]+)*$/.test(text) &&
    unescapeValue(text) === undefined &&
    decodeWords(text) === undefined
  )
}

function escapeValue(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  const base64 = BINARY_MARK + btoa(binary)
  if (decodeUtf8(bytes) === undefined) return base64
  const text = TEXT_MARK + percentEncode(bytes)
  // What a person can read is worth some bytes.
  return text.length <= 1.5 * base64.length ? text : base64
}

/** RFC 8187: all but its attr-char as `%HH`. */
function percentEncode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    const plain = /[A-Za-z0-9!#$&+.^_`|~-]/.test(character)
    text += plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

function percentDecode(text: string): Uint8Array {
  const bytes = [...text.matchAll(/%[0-9A-F]{2}|./gs)].map(([token]) =>
    token.length === 3 ? Number.parseInt(token.slice(1), 16) : token.charCodeAt(0),
  )
  return Uint8Array.from(bytes)
}

function base64Decode(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), character => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

function unescapeValue(value: string): Uint8Array | undefined {
  let bytes: Uint8Array | undefined
  if (value.startsWith(TEXT_MARK)) bytes = percentDecode(value.slice(TEXT_MARK.length))
  else if (value.startsWith(BINARY_MARK)) bytes = base64Decode(value.slice(BINARY_MARK.length))
  if (bytes === undefined) return undefined
  const text = decodeUtf8(bytes)
  if (text !== undefined && isPlainValue(text)) return undefined
  return escapeValue(bytes) === value ? bytes : undefined
}

/** The header that keeps `user.NAME`. */
export function toHeader(name: string, value: Uint8Array): MetaHeader {
  const text = decodeUtf8(value)
  return {
    name: isPlainName(name) ? name : escapeName(name),
    value: text !== undefined && isPlainValue(text) ? text : escapeValue(value),
  }
}

/** The NAME that a header's name stands for. */
export function nameFromHeader(name: string): string {
  return unescapeName(name) ?? name
}

/** The attribute that a header stands for, whoever wrote it. */
export function fromHeader(name: string, value: string): { name: string; value: Uint8Array } {
  const bytes = unescapeValue(value) ?? utf8.encode(decodeWords(value) ?? value)
  return { name: nameFromHeader(name), value: bytes }
}
