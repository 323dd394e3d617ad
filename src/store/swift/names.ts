/**
 * Names in the segments container. Pure.
 *
 *   .pailfs/seg/KEY/TIME-RANDOM/00000001       a segment; the folder is its group, and the id of the upload
 *   .pailfs/seg/KEY/TIME-RANDOM/00000001.ref   a part that is made of other segments' ranges (JSON)
 *   .pailfs/seg/KEY/TIME-RANDOM/base-ETAG      a plain object preserved so that its ranges can be parts
 *   .pailfs/upload/KEY/TIME-RANDOM             marker: the upload is under way (JSON with the key)
 *   .pailfs/ref/GROUP/HASH                     the object (JSON) may have segments of GROUP in its manifest
 *   .pailfs/ref/GROUP/+HASH                    the unfinished upload (JSON) may have
 *   .pailfs/manifest/HASH-ETAG                 a manifest (JSON), for clusters that do not give theirs back
 *
 * KEY is the object's name percent-encoded, or `=` and a hash where that is long; GROUP is a hash.
 */
import { createHash } from 'node:crypto'
import type { Key } from '../../core/types.ts'
import { decodePath, encodeSegment } from './path.ts'

const SEGMENTS = '.pailfs/seg/'
const UPLOADS = '.pailfs/upload/'
export const MANIFESTS = '.pailfs/manifest/'
export const REFS = '.pailfs/ref/'
export const ALL_SEGMENTS = SEGMENTS
export const ALL_OURS = '.pailfs/'
/** Longest encoded key that stands in a name; names have 1,024 bytes at most. */
const LONGEST = 400

/** Where large objects of a container have their segments; the second is where Swift's S3 layer puts them. */
export function segmentsContainer(container: string): string {
  return `${container}_segments`
}
export function s3SegmentsContainer(container: string): string {
  return `${container}+segments`
}

/** Containers that hold segments only, and are not shown. */
export function isSegmentsContainer(name: string): boolean {
  return name.endsWith('_segments') || name.endsWith('+segments')
}

export function keyPart(key: Key): string {
  if (key === '.' || key === '..') return key.replaceAll('.', '%2E')
  const encoded = encodeSegment(key)
  return encoded.length <= LONGEST ? encoded : `=${hash(key)}`
}

/** The id of a new upload, and the folder of its segments. */
export function newUploadId(key: Key, now: number, random: string): string {
  return `${SEGMENTS}${keyPart(key)}/${now.toString(36)}-${random}`
}

/** The key that an upload was for; undefined where the name is a hash or not ours. */
export function keyOfUpload(id: string): Key | undefined {
  if (!isUploadId(id)) return undefined
  const part = id.slice(SEGMENTS.length, id.lastIndexOf('/'))
  return part.startsWith('=') ? undefined : decodePath(part)
}

export function isUploadId(id: string): boolean {
  return /^\.pailfs\/seg\/[^/]+\/[0-9a-z]+-[0-9a-z]+$/.test(id)
}

export function markerOf(id: string): string {
  return UPLOADS + id.slice(SEGMENTS.length)
}
export function uploadOfMarker(marker: string): string {
  return SEGMENTS + marker.slice(UPLOADS.length)
}

/** Markers of uploads to keys that begin with `prefix`, and perhaps others. */
export function markersPrefix(prefix: string): string {
  const encoded = prefix === '' || prefix === '.' ? '' : encodeSegment(prefix)
  // Long keys have a hash in their place: only a listing of all finds them.
  return encoded.length > 0 && encoded.length <= LONGEST / 4 ? UPLOADS + encoded : UPLOADS
}
export const ALL_MARKERS = UPLOADS
export const HASHED_MARKERS = `${UPLOADS}=`

export function segmentOf(id: string, number: number): string {
  return `${id}/${String(number).padStart(8, '0')}`
}
export function recordOf(id: string, number: number): string {
  return `${segmentOf(id, number)}.ref`
}
export function baseOf(id: string, source: Key, etag: string): string {
  return `${id}/base-${etag}-${hash(source).slice(0, 8)}`
}
export function mergedOf(id: string, index: number, random: string): string {
  return `${id}/merge-${random}-${String(index).padStart(4, '0')}`
}

/** The part number of a segment or record, and which it is; undefined for other names. */
export function partOf(name: string): { number: number; record: boolean } | undefined {
  const match = /\/(\d{8})(\.ref)?$/.exec(name)
  return match === null ? undefined : { number: Number(match[1]), record: match[2] !== undefined }
}

/** Whether segments of this group (`container/folder`) were written by pailfs. */
export function isOurGroup(group: string, segments: string): boolean {
  return group.startsWith(`${segments}/${SEGMENTS}`)
}

export function manifestOf(key: Key, etag: string): string {
  return `${MANIFESTS}${hash(key)}-${etag}`
}
export function refsOf(group: string): string {
  return `${REFS}${hash(group)}/`
}
export function refOf(group: string, key: Key): string {
  return refsOf(group) + hash(key)
}
export function pendingRefOf(group: string, id: string): string {
  return `${refsOf(group)}+${hash(id)}`
}
function hash(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 40)
}
