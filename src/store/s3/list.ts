/**
 * ListObjectsV2, asked for and read without the SDK: a thousand names a page, and a directory of a hundred thousand
 * is read in one go. Names come URL-escaped where the server can, since XML 1.0 cannot carry control characters.
 */
import type { ListPage, ListRequest, ListedObject } from '../store.ts'
import { decodeListed } from './escape.ts'
import { parseTime, unquote } from './headers.ts'
import { elementText, elements, unescapeXml } from './xml.ts'

/** Our tokens say which of the server's two ways of going on they are. */
const BY_TOKEN = 't'
const BY_NAME = 'n'

/** The query of a page. */
export function listQuery(request: ListRequest): Record<string, string> {
  const { prefix, delimiter, startAfter, token, limit } = request
  const query: Record<string, string> = { 'list-type': '2', 'encoding-type': 'url', prefix }
  if (delimiter !== undefined) query['delimiter'] = delimiter
  if (limit !== undefined)
    query['max-keys'] = String(Math.max(1, Math.min(1000, Math.floor(limit))))
  if (token?.startsWith(BY_TOKEN) === true) query['continuation-token'] = token.slice(1)
  else if (token !== undefined) query['start-after'] = token.slice(1)
  else if (startAfter !== undefined && startAfter !== '') query['start-after'] = startAfter
  return query
}

/** A page from its XML. Throws Error where it is no listing. */
export function parseListing(xml: string, before: string | undefined): ListPage {
  if (!xml.includes('<ListBucketResult')) throw new Error('the reply is not a listing')
  const name =
    elementText(xml, 'EncodingType') === 'url'
      ? (text: string) => decodeListed(unescapeXml(text))
      : unescapeXml
  const objects: ListedObject[] = []
  for (const entry of elements(xml, 'Contents')) objects.push(parseEntry(entry, name))
  const prefixes: string[] = []
  for (const entry of elements(xml, 'CommonPrefixes')) {
    prefixes.push(name(inner(entry, 'Prefix')))
  }
  if (elementText(xml, 'IsTruncated') !== 'true') return { objects, prefixes }
  const token = elementText(xml, 'NextContinuationToken')
  const last = lastName(objects, prefixes)
  let next: string | undefined
  if (token !== undefined && token !== '') next = BY_TOKEN + token
  else if (last !== undefined) next = BY_NAME + last
  // A server that says the same again would be asked for ever.
  if (next === undefined || next === before)
    throw new Error('the listing says it goes on but not where')
  return { objects, prefixes, next }
}

function parseEntry(entry: string, name: (text: string) => string): ListedObject {
  const storageClass = inner(entry, 'StorageClass')
  return {
    key: name(inner(entry, 'Key')),
    size: Number(inner(entry, 'Size')),
    etag: unquote(unescapeXml(inner(entry, 'ETag'))),
    modified: parseTime(inner(entry, 'LastModified')),
    ...(storageClass === '' ? {} : { storageClass }),
  }
}

/** The raw text of an element without attributes, '' where there is none. */
function inner(xml: string, name: string): string {
  const from = xml.indexOf(`<${name}>`)
  const end = from < 0 ? -1 : xml.indexOf(`</${name}>`, from)
  return end < 0 ? '' : xml.slice(from + name.length + 2, end)
}

function lastName(
  objects: readonly ListedObject[],
  prefixes: readonly string[],
): string | undefined {
  const object = objects.at(-1)?.key
  const prefix = prefixes.at(-1)
  if (object === undefined || prefix === undefined) return object ?? prefix
  return Buffer.compare(Buffer.from(object), Buffer.from(prefix)) < 0 ? prefix : object
}
