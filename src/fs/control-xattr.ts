/** The control plane, `pail.NAME`: what is known of an object and can be set on it, as text. */
import { FsError, StoreError } from '../core/errors.ts'
import { cannedNames, isCanned } from '../core/kept.ts'
import type { ObjectMeta } from '../core/types.ts'
import { loadMeta } from './attributes.ts'
import { isTop } from './buckets.ts'
import type { FsContext } from './context.ts'
import { noteKept } from './kept.ts'
import { isDir, type Node } from './node.ts'
import { keepTime, update } from './setattr.ts'

/** How long `pail.signed-url` is good for, ms. */
const SIGNED_FOR = 3_600_000

type HeaderName = Exclude<keyof ObjectMeta, 'user' | 'kept'>

/** Headers that are kept with the object: readable and settable. */
const HEADERS: Readonly<Record<string, HeaderName>> = {
  'content-type': 'contentType',
  'cache-control': 'cacheControl',
  'content-disposition': 'contentDisposition',
  'content-encoding': 'contentEncoding',
  'content-language': 'contentLanguage',
  'storage-class': 'storageClass',
}

type Reader = (ctx: FsContext, node: Node) => Promise<string> | string

const READERS: Readonly<Record<string, Reader>> = {
  etag: (_ctx, node) => storedFile(node).etag,
  'version-id': async (ctx, node) => {
    const head = await ctx.store.head(storedFile(node).key)
    if (head.versionId === undefined) throw none('version-id')
    return head.versionId
  },
  expiry: async (ctx, node) => {
    const { expiry } = await ctx.store.head(storedFile(node).key)
    if (expiry === undefined) throw none('expiry')
    return new Date(expiry).toISOString()
  },
  url: async (ctx, node) => {
    const { key } = node
    // Of all buckets, only one that was asked for something has an address.
    if (isTop(ctx, node) && key !== '') await ctx.store.list({ prefix: key, limit: 2 })
    return ctx.store.url(key)
  },
  'signed-url': (ctx, node) => ctx.store.signedUrl(objectKey(ctx, node), SIGNED_FOR),
  acl: async (ctx, node) => {
    const grants = await ctx.store.getAcl(await aclKey(ctx, node))
    return grants.map(({ grantee, permission }) => `${grantee} ${permission}`).join('\n')
  },
  tags: async (ctx, node) => {
    const tags = await ctx.store.getTags(await sentKey(ctx, node))
    return new URLSearchParams(tags).toString()
  },
  state: (ctx, node) => {
    const state = ctx.writeBack.get(node.key)
    if (!state) return 'stored'
    if (state.parked) return 'failed'
    return state.busy ? 'sending' : 'waiting'
  },
  error: (ctx, node) => {
    const state = ctx.writeBack.get(node.key)
    const text = state?.parked?.message ?? state?.lastError?.message
    if (text === undefined) throw none('error')
    return text
  },
}

/** Rejects ENODATA for what is not there. */
export async function readControl(ctx: FsContext, node: Node, name: string): Promise<string> {
  const reader = READERS[name]
  if (reader) return reader(ctx, node)
  const header = HEADERS[name]
  if (!header) throw none(name)
  if (!hasHeader(ctx, name)) throw none(name)
  const value = (await loadMeta(ctx, node))[header]
  if (value) return value
  if (name === 'storage-class' && !isDir(node)) return 'STANDARD'
  throw none(name)
}

/** Rejects EINVAL for a value that cannot be, EPERM for what can only be read. */
export async function writeControl(
  ctx: FsContext,
  node: Node,
  name: string,
  value: string,
): Promise<void> {
  const header = HEADERS[name]
  if (header && !hasHeader(ctx, name)) {
    throw new FsError('EOPNOTSUPP', 'this store has no storage classes for objects')
  }
  if (header) return setHeader(ctx, node, header, value)
  if (name === 'acl') {
    if (!isCanned(value)) {
      throw new FsError('EINVAL', `pail.acl takes one of ${cannedNames().join(', ')}`)
    }
    await ctx.store.setAcl(await aclKey(ctx, node), value)
    return noteKept(ctx, node, { acl: value })
  }
  if (name === 'tags') {
    return setTags(ctx, node, Object.fromEntries(new URLSearchParams(value.replaceAll('\n', '&'))))
  }
  if (READERS[name]) throw new FsError('EPERM', `pail.${name} can only be read`)
  throw new FsError('EOPNOTSUPP', `there is no pail.${name}`)
}

export async function removeControl(ctx: FsContext, node: Node, name: string): Promise<void> {
  const header = HEADERS[name]
  if (name === 'tags') return setTags(ctx, node, {})
  if (!header) throw new FsError('EPERM', `pail.${name} cannot be removed`)
  const meta = await loadMeta(ctx, node)
  if (!meta[header]) throw none(name)
  await update(ctx, node, () => {
    keepTime(ctx, node)
    // An absent header keeps what the object has; an empty one takes it away.
    node.meta = { ...(node.meta ?? meta), [header]: '' }
    node.metaDirty = true
  })
}

/** Swift has classes (policies) for containers only. */
function hasHeader(ctx: FsContext, name: string): boolean {
  return name !== 'storage-class' || ctx.store.features.storageClass
}

async function setTags(ctx: FsContext, node: Node, tags: Record<string, string>): Promise<void> {
  const key = await sentKey(ctx, node)
  try {
    await ctx.store.setTags(key, tags)
  } catch (error) {
    // Too many, too long, or with characters that tags cannot have.
    if (!(error instanceof StoreError) || error.kind !== 'invalid') throw error
    throw new FsError('EINVAL', error.message, error)
  }
  return noteKept(ctx, node, { tags })
}

async function setHeader(
  ctx: FsContext,
  node: Node,
  header: HeaderName,
  value: string,
): Promise<void> {
  if (!/^[\x20-\x7e]+$/.test(value)) {
    throw new FsError('EINVAL', 'a header takes printable ASCII only')
  }
  objectKey(ctx, node)
  const meta = await loadMeta(ctx, node)
  await update(ctx, node, () => {
    keepTime(ctx, node)
    node.meta = { ...(node.meta ?? meta), [header]: value }
    node.metaDirty = true
  })
}

function storedFile(node: Node): { key: string; etag: string } {
  if (isDir(node)) {
    if (node.markerTag) return { key: node.key, etag: node.markerTag.etag }
    throw none('etag')
  }
  const { content } = node
  if (content.is === 'stored') return content.version
  throw new FsError('ENODATA', `${node.name} is not in the bucket yet`)
}

function objectKey(ctx: FsContext, node: Node): string {
  if (isTop(ctx, node)) throw new FsError('EOPNOTSUPP', 'for objects only, not for a bucket')
  return node.key
}

/** The key, once the bucket has it as it is here. */
async function sentKey(ctx: FsContext, node: Node): Promise<string> {
  const key = objectKey(ctx, node)
  await ctx.writeBack.flush([key])
  return key
}

/** A bucket has a list of its own: that of the mount point is the mounted bucket's. */
async function aclKey(ctx: FsContext, node: Node): Promise<string> {
  if (node === ctx.root && ctx.store.buckets) {
    throw new FsError('EOPNOTSUPP', 'an account has no access list')
  }
  return isTop(ctx, node) ? node.key : sentKey(ctx, node)
}

function none(name: string): FsError {
  return new FsError('ENODATA', `no pail.${name}`)
}
