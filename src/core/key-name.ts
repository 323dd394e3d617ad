/**
 * File names for keys, and back: every key of a bucket has exactly one path, and every file name a key.
 *
 * Ordinary names are the key's own segments, as they are. Names that begin with `pail%` and one of these forms are
 * escapes for what cannot be a file name:
 *
 *     pail%empty        an empty segment: `a//b` is a/pail%empty/b; a key `a/` with data is the file a/pail%empty
 *     pail%dot          .
 *     pail%dots         ..
 *     pail%=TEXT        TEXT, where it has a NUL or is itself one of these forms
 *     pail%file=TEXT    the object TEXT where there are also keys below TEXT/: the directory keeps the name
 *     pail%more=TEXT    a directory that stands for no slash: TEXT is the beginning of a segment of over 255 bytes,
 *                       which goes on with the name in it
 *
 * In TEXT, a NUL is written `%00`, and a `%` before `00` or `25` is written `%25`. A name that begins like an escape
 * and is none, `pail%foo` or `pail%=a`, is an ordinary name.
 *
 * A directory is known by its prefix: what the keys in it begin with. It is empty (the root) or ends with a slash,
 * but for `pail%more=`: there it ends with the part of the segment that was passed already.
 */
import type { Key } from './types.ts'

/** The longest file name in bytes. */
export const NAME_MAX = 255

/** `twin`: the file of a name that a directory has too. */
export type EntryKind = 'file' | 'directory' | 'twin'

const LEAD = 'pail%'
const TWIN = `${LEAD}file=`
const MORE = `${LEAD}more=`
const LITERAL = `${LEAD}=`
/** What a prefix of one code point can miss of the room for it, in bytes of `%00` or UTF-8. */
const SLACK = 3

const FIXED: ReadonlyMap<string, string> = new Map([
  ['', `${LEAD}empty`],
  ['.', `${LEAD}dot`],
  ['..', `${LEAD}dots`],
])
const FIXED_NAMES: ReadonlyMap<string, string> = new Map(
  [...FIXED].map(([segment, name]) => [name, segment] as const),
)

interface Parsed {
  readonly form: 'plain' | 'literal' | 'twin' | 'more'
  readonly text: string
}

const utf8 = new TextEncoder()

function byteLength(text: string): number {
  return utf8.encode(text).length
}

function fits(name: string): boolean {
  // A UTF-16 unit takes at most three bytes in UTF-8.
  return name.length * 3 <= NAME_MAX || byteLength(name) <= NAME_MAX
}

function encode(text: string): string {
  return text.replaceAll(/\0|%(?=00|25)/g, found => (found === '%' ? '%25' : '%00'))
}

function decode(text: string): string {
  return text.replaceAll(/%(00|25)/g, (_, code) => (code === '25' ? '%' : '\0'))
}

function parse(name: string): Parsed {
  const plain: Parsed = { form: 'plain', text: name }
  if (!name.startsWith(LEAD)) return plain
  const fixed = FIXED_NAMES.get(name)
  if (fixed !== undefined) return { form: 'literal', text: fixed }
  const equals = name.indexOf('=') + 1
  const head = name.slice(0, equals)
  const text = decode(name.slice(equals))
  if (head + encode(text) !== name) return plain
  if (head === TWIN) return { form: 'twin', text }
  if (head === MORE) return text === '' ? plain : { form: 'more', text }
  return head === LITERAL && needsLiteral(text) ? { form: 'literal', text } : plain
}

function needsLiteral(segment: string): boolean {
  return segment.includes('\0') || parse(segment).form !== 'plain'
}

/** The name, of whatever length. */
function wholeName(segment: string): string {
  const fixed = FIXED.get(segment)
  if (fixed !== undefined) return fixed
  return needsLiteral(segment) ? LITERAL + encode(segment) : segment
}

/** The longest beginning of `segment` that has room in a `pail%more=` name. */
function firstChunk(segment: string): string {
  let room = NAME_MAX - MORE.length
  let end = 0
  for (const character of segment) {
    // Encoding looks two characters ahead; that of the rest of the segment is an upper bound for a chunk.
    room -=
      character === '\0' || /^%(?:00|25)/.test(segment.slice(end, end + 3))
        ? 3
        : byteLength(character)
    if (room < 0) break
    end += character.length
  }
  return segment.slice(0, end)
}

/** The names, from the outside in, that a segment takes: one, unless it is too long. */
function namesOfSegment(segment: string, twin: boolean): string[] {
  const names: string[] = []
  for (let rest = segment; ;) {
    const name = twin ? TWIN + encode(rest) : wholeName(rest)
    if (fits(name)) return [...names, name]
    const chunk = firstChunk(rest)
    names.push(MORE + encode(chunk))
    rest = rest.slice(chunk.length)
  }
}

/** The file name for a key's segment; undefined where it takes several (over 255 bytes). */
export function segmentToName(segment: string): string | undefined {
  const name = wholeName(segment)
  return fits(name) ? name : undefined
}

/** The segment for a file name; undefined for what is no name of one segment. */
export function nameToSegment(name: string): string | undefined {
  if (name.includes('/')) return undefined
  const { form, text } = parse(name)
  return form !== 'more' && form !== 'twin' && segmentToName(text) === name ? text : undefined
}

/** Whether a name is that of a file beside a directory of the same key name (`pail%file=`). */
export function isTwinName(name: string): boolean {
  return parse(name).form === 'twin'
}

/** The part of a segment that the directory's own prefix has already. */
function carriedBy(prefix: string): string {
  return prefix.slice(prefix.lastIndexOf('/') + 1)
}

/**
 * The name under which the directory with this prefix shows the entry `segment`: what a listed key or common prefix
 * has between `prefix` and the next slash or its end. The beginning of an over-long segment gives the name of a
 * `pail%more=` directory, the same for all that begin so. Undefined for what is shown elsewhere.
 */
export function childName(prefix: string, segment: string, kind: EntryKind): string | undefined {
  const carried = carriedBy(prefix)
  const names = namesOfSegment(carried + segment, kind === 'twin')
  let passed = 0
  for (const name of names) {
    if (passed === carried.length) return name
    passed += parse(name).text.length
  }
  return undefined
}

/**
 * The key of a file, or the prefix of a directory, by its name in the directory with this prefix. Undefined for what
 * cannot be there: over-long names, `.` and `..`, and escapes of what needs none.
 */
export function childKey(
  prefix: string,
  name: string,
  kind: 'file' | 'directory',
): Key | undefined {
  if (name.includes('/') || !fits(name)) return undefined
  const { form, text } = parse(name)
  if (form === 'more') {
    const full = byteLength(name) >= NAME_MAX - SLACK
    return full && kind === 'directory' ? prefix + text : undefined
  }
  if (form === 'twin' && kind === 'directory') return undefined
  if (childName(prefix, text, form === 'twin' ? 'twin' : kind) !== name) return undefined
  return kind === 'directory' ? `${prefix}${text}/` : prefix + text
}

/** The key of a file, or the prefix of a directory, by its path; undefined as for `childKey`. */
export function keyOf(names: readonly string[], kind: 'file' | 'directory'): Key | undefined {
  let prefix: Key | undefined = ''
  for (const [at, name] of names.entries()) {
    if (prefix === undefined) return undefined
    prefix = childKey(prefix, name, at < names.length - 1 ? 'directory' : kind)
  }
  return prefix
}

/** The path of a key, or of a directory by its prefix, which ends with a slash. */
export function namesOf(key: Key, kind: EntryKind): string[] {
  const segments = (kind === 'directory' ? key.slice(0, -1) : key).split('/')
  return segments.flatMap((segment, at) =>
    namesOfSegment(segment, kind === 'twin' && at === segments.length - 1),
  )
}
