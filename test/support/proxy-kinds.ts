/**
 * What a request to an object store is, by its method, path and query: S3 in path style, and Swift.
 * Names are those of the S3 API reference; Swift's are METHOD and level, such as `swift PUT object`.
 */
import type { IncomingHttpHeaders } from 'node:http'

export interface Target {
  kind: string
  /** Bucket or container; empty where the request is about none. */
  bucket: string
  /** Decoded key; empty where the request is about none. */
  key: string
}

/** Sub-resources that a bucket and an object both have, by the word in the query. */
const SUBRESOURCES: Record<string, string> = {
  acl: 'Acl',
  tagging: 'Tagging',
  policy: 'Policy',
  versioning: 'Versioning',
  cors: 'Cors',
  lifecycle: 'LifecycleConfiguration',
}
const VERBS: Record<string, string> = { GET: 'Get', PUT: 'Put', DELETE: 'Delete', HEAD: 'Head' }

/** Names a request. `url` is what stands in the request line. */
export function targetOf(method: string, url: string, headers: IncomingHttpHeaders): Target {
  const [path = '/', search = ''] = url.split('?', 2)
  const query = new URLSearchParams(search)
  const swift = /^\/(?:swift\/)?v1(?:\/AUTH_[^/]*)?(?:\/([^/]*))?(?:\/(.*))?$/s.exec(path)
  if (path.startsWith('/auth/')) return { kind: 'swift auth', bucket: '', key: '' }
  if (path === '/info') return { kind: 'swift info', bucket: '', key: '' }
  if (swift) {
    const level = swift[2] ? 'object' : swift[1] ? 'container' : 'account'
    const kind = `swift ${method} ${level}`
    return { kind, bucket: decode(swift[1] ?? ''), key: decode(swift[2] ?? '') }
  }
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? []
  const kind =
    bucket === ''
      ? 'ListBuckets'
      : key === ''
        ? bucketKind(method, query)
        : objectKind(method, query, headers)
  return { kind, bucket: decode(bucket), key: decode(key) }
}

function bucketKind(method: string, query: URLSearchParams): string {
  if (method === 'POST' && query.has('delete')) return 'DeleteObjects'
  if (method === 'GET' && query.has('location')) return 'GetBucketLocation'
  if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
  if (method === 'GET' && query.has('versions')) return 'ListObjectVersions'
  const subresource = subresourceOf(query)
  if (subresource) return `${VERBS[method] ?? method}Bucket${subresource}`
  if (method === 'GET') return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects'
  if (method === 'PUT') return 'CreateBucket'
  return `${VERBS[method] ?? method}Bucket`
}

function objectKind(method: string, query: URLSearchParams, headers: IncomingHttpHeaders): string {
  const copies = headers['x-amz-copy-source'] !== undefined
  if (query.has('uploadId')) {
    if (method === 'PUT') return copies ? 'UploadPartCopy' : 'UploadPart'
    if (method === 'POST') return 'CompleteMultipartUpload'
    return method === 'DELETE' ? 'AbortMultipartUpload' : 'ListParts'
  }
  if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload'
  const subresource = subresourceOf(query)
  if (subresource) return `${VERBS[method] ?? method}Object${subresource}`
  if (method === 'PUT' && copies) return 'CopyObject'
  return `${VERBS[method] ?? method}Object`
}

function subresourceOf(query: URLSearchParams): string | undefined {
  for (const [word, name] of Object.entries(SUBRESOURCES)) if (query.has(word)) return name
  return undefined
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
