/**
 * Names on the wire: paths, queries and header values. Pure.
 * Every byte but the unreserved ones is percent-encoded, `/` of an object's name excepted; so `//`, `.` and `..`
 * stay as they are, since nothing on the way may normalise a path that is sent as given.
 */

/** A container's or object's name as a path of a request, without the leading slash. */
export function encodePath(name: string): string {
  return name.split('/').map(encodeSegment).join('/')
}

/** As encodeURIComponent with `!'()*` encoded too. */
export function encodeSegment(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** `?a=b&c` from entries; an empty value stands for the bare name. '' for none. */
export function queryOf(entries: Readonly<Record<string, string | number | undefined>>): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(entries)) {
    if (value === undefined) continue
    parts.push(
      value === '' ? encodeSegment(name) : `${encodeSegment(name)}=${encodeSegment(String(value))}`,
    )
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

/** A header's value, latin1 as it came, as the UTF-8 it was meant to be; other bytes stay as they are. */
export function fromHeader(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return text
  const bytes = Buffer.from(text, 'latin1')
  const decoded = bytes.toString('utf8')
  return Buffer.from(decoded, 'utf8').equals(bytes) ? decoded : text
}

/** The inverse of encodePath; what is not encoded properly stays as it is. */
export function decodePath(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
