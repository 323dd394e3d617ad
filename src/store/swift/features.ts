/**
 * Features and limits of a cluster from its `/info`. Pure. Without `/info` (it can be switched off) the values are
 * Swift's defaults, and what cannot be relied on is off.
 */
import type { Features, Limits } from '../store.ts'

const GIB = 2 ** 30
/** More keys a request make it last so long that a lost connection costs too much. */
const MOST_DELETES = 1000
/** Swift takes segments of one byte; but a manifest has only so many entries, and each costs a request to read. */
const USEFUL_PART = 2 ** 20

export interface Capabilities {
  readonly features: Features
  readonly limits: Limits
  /** Digests of temporary addresses, best first; empty where there are none. */
  readonly tempUrlDigests: readonly string[]
  /** Whether `?multipart-manifest=get` may be relied on; RGW answers nothing. */
  readonly manifests: boolean
  /** Static large objects at all. */
  readonly slo: boolean
  /** Most entries of a listing's page. */
  readonly listing: number
}

type Tree = Readonly<Record<string, unknown>>

export function capabilitiesOf(info: unknown): Capabilities {
  const tree = asTree(info)
  const swift = asTree(tree['swift'])
  const slo = asTree(tree['slo'])
  const known = tree['swift'] !== undefined
  const hasSlo = !known || tree['slo'] !== undefined
  const bulk =
    tree['bulk_delete'] === undefined
      ? 1
      : number(asTree(tree['bulk_delete'])['max_deletes_per_request'], MOST_DELETES)
  const maxFile = number(swift['max_file_size'], 5 * GIB)
  // RGW says no more of its large objects than their most segments, and takes no ranges of segments.
  const ranges = hasSlo && slo['min_segment_size'] !== undefined
  return {
    features: {
      conditionalPut: false,
      createExclusive: false,
      looksFirst: true,
      partCopy: ranges,
      metadataInPlace: true,
      deleteBatch: Math.min(MOST_DELETES, Math.max(1, bulk)),
      listingCurrent: false,
      acl: true,
      tags: false,
      signedUrl: tree['tempurl'] !== undefined,
      storageClass: false,
    },
    limits: {
      maxPut: maxFile,
      maxCopy: maxFile,
      minPart: Math.min(maxFile, Math.max(USEFUL_PART, number(slo['min_segment_size'], 1))),
      maxPart: maxFile,
      maxParts: number(slo['max_manifest_segments'], 1000),
      maxKey: number(swift['max_object_name_length'] ?? swift['max_object_name_size'], 1024),
      maxMeta: number(swift['max_meta_overall_size'], 4096),
      maxMetaName: number(swift['max_meta_name_length'], 128),
      maxMetaValue: number(swift['max_meta_value_length'], 256),
      maxMetaCount: number(swift['max_meta_count'], 90),
    },
    tempUrlDigests: digests(tree['tempurl']),
    manifests: ranges,
    slo: hasSlo,
    listing: number(swift['container_listing_limit'], 10_000),
  }
}

function digests(tempurl: unknown): string[] {
  if (tempurl === undefined) return []
  const allowed = asTree(tempurl)['allowed_digests']
  const names = Array.isArray(allowed) ? allowed.map(String) : ['sha1']
  return ['sha256', 'sha512', 'sha1'].filter(name => names.includes(name))
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : otherwise
}

function asTree(value: unknown): Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {}
}
