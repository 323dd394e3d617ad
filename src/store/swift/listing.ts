/**
 * A container's JSON listing. Pure.
 * Facts: a static large object shows its real size and `slo_etag` on Swift; on RGW the manifest's size with the
 * hash of nothing. A dynamic one shows 0 bytes and the hash of nothing on both: a HEAD tells (see `doubtful`).
 */
import type { ListedObject } from '../store.ts'
import { stripEtag } from './headers.ts'

export const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e'

export interface Listed {
  readonly objects: readonly ListedObject[]
  readonly prefixes: readonly string[]
  /** Entries on the page, of both kinds. */
  readonly count: number
  /** The marker of the next page. */
  readonly last: string | undefined
  /** Entries known to be static large objects. */
  readonly manifests: ReadonlySet<string>
  /** Entries whose size the listing does not tell. */
  readonly large: ReadonlySet<string>
  /** Entries that may be dynamic large objects. */
  readonly empty: ReadonlySet<string>
}

/** Throws TypeError on what is not a listing. */
export function parseListing(value: unknown): Listed {
  if (!Array.isArray(value)) throw new TypeError('a listing is a list')
  const objects: ListedObject[] = []
  const prefixes: string[] = []
  const manifests = new Set<string>()
  const large = new Set<string>()
  const empty = new Set<string>()
  let last: string | undefined
  for (const item of value as Record<string, unknown>[]) {
    if (typeof item['subdir'] === 'string') {
      prefixes.push(item['subdir'])
      last = item['subdir']
      continue
    }
    const key = item['name']
    if (typeof key !== 'string') throw new TypeError('an entry without a name')
    last = key
    const object = toObject(key, item)
    objects.push(object)
    if (item['slo_etag'] !== undefined) manifests.add(key)
    if (item['hash'] === EMPTY_MD5 && item['slo_etag'] === undefined) {
      if (object.size > 0) large.add(key)
      else if (!isDirectory(key, object.contentType)) empty.add(key)
    }
  }
  return { objects, prefixes, count: value.length, last, manifests, large, empty }
}

function toObject(key: string, item: Record<string, unknown>): ListedObject {
  const etag = item['slo_etag'] ?? item['hash']
  const type = item['content_type']
  return {
    key,
    size: Number(item['bytes'] ?? 0),
    etag: stripEtag(typeof etag === 'string' ? etag : ''),
    modified: parseTime(item['last_modified']),
    ...(typeof type === 'string' ? { contentType: type } : {}),
  }
}

function isDirectory(key: string, type: string | undefined): boolean {
  return key.endsWith('/') || /^(application|text)\/(x-)?directory/.test(type ?? '')
}

/** `2026-11-21T09:18:48.647460`, in UTC without saying so; RGW adds the Z. Milliseconds, cut. */
export function parseTime(value: unknown): number {
  if (typeof value !== 'string') return 0
  const time = Date.parse(value.endsWith('Z') ? value : `${value}Z`)
  return Number.isNaN(time) ? 0 : time
}
