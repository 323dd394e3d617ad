/** Escaping of keys and values in paths and queries as SigV4 wants it: everything but unreserved characters. Pure. */

const PLAIN = /^[A-Za-z0-9\-._~/]*$/

/** One value of a query, or one segment. Throws URIError for text that is not valid Unicode. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, escapeOne)
}

/** A key as a path: slashes stay. Throws URIError for text that is not valid Unicode. */
export function encodeKey(key: string): string {
  if (PLAIN.test(key)) return key
  return encode(key).replaceAll('%2F', '/')
}

/** A canonical query: sorted, escaped, `name=value` also where the value is empty. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&')
}

/** A name from a listing with `encoding-type=url`, where some servers write a space as `+`. */
export function decodeListed(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    // Not UTF-8: such a name cannot be addressed anyway; it is shown as well as can be.
    const bytes = spaced.replace(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    return Buffer.from(bytes, 'latin1').toString('utf8')
  }
}

function escapeOne(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}
