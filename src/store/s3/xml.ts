/** As much XML as S3's replies need: elements by name, without attributes or namespaces. Pure, no recursion. */

/** The text of the first element of that name, unescaped; undefined where there is none. */
export function elementText(xml: string, name: string): string | undefined {
  const inner = elementInner(xml, name)
  return inner === undefined ? undefined : unescapeXml(inner)
}

/** What stands between the first `<name>` and the next `</name>`. */
export function elementInner(xml: string, name: string): string | undefined {
  const open = findOpen(xml, name, 0)
  if (open < 0) return undefined
  const from = xml.indexOf('>', open) + 1
  if (from === 0) return undefined
  if (xml[from - 2] === '/') return ''
  const end = xml.indexOf(`</${name}>`, from)
  return end < 0 ? undefined : xml.slice(from, end)
}

/** What stands inside each element of that name, in order. Elements of one name must not be nested. */
export function* elements(xml: string, name: string): Generator<string> {
  const close = `</${name}>`
  for (let at = 0; ;) {
    const open = findOpen(xml, name, at)
    if (open < 0) return
    const from = xml.indexOf('>', open) + 1
    const end = xml.indexOf(close, from)
    if (from === 0 || end < 0) return
    yield xml.slice(from, end)
    at = end + close.length
  }
}

/** Entities and character references replaced. */
export function unescapeXml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(
    /&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g,
    (all, hex?: string, dec?: string, name?: string) => {
      if (hex !== undefined) return fromCode(Number.parseInt(hex, 16), all)
      if (dec !== undefined) return fromCode(Number.parseInt(dec, 10), all)
      return ENTITIES[name ?? ''] ?? all
    },
  )
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

function fromCode(code: number, otherwise: string): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : otherwise
}

/** The position of `<name>` or `<name ...>`, not of `<nameLonger>`. */
function findOpen(xml: string, name: string, from: number): number {
  const start = `<${name}`
  for (let at = xml.indexOf(start, from); at >= 0; at = xml.indexOf(start, at + 1)) {
    const next = xml[at + start.length]
    if (next === '>' || next === '/' || next === ' ') return at
  }
  return -1
}
