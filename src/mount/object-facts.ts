/** All that the bucket and the journal know of one object, or of a bucket itself. */
import type { ObjectFacts } from '../control/api.ts'
import { StoreError } from '../core/errors.ts'
import type { Key } from '../core/types.ts'
import { ifThere } from '../store/if-there.ts'
import type { ObjectStore } from '../store/store.ts'
import type { KeyState } from '../writeback/key-state.ts'

/** Rejects with StoreError when the bucket cannot be asked. What it does not know stands there as a reason. */
export async function objectFacts(
  store: ObjectStore,
  key: Key,
  state: Readonly<KeyState> | undefined,
  reason: string | undefined,
): Promise<ObjectFacts> {
  const facts = {
    key,
    url: urlOf(store, key),
    state: wordFor(state),
    ...(reason === undefined ? {} : { reason }),
  }
  if (isBucket(store, key)) return { ...facts, bucket: await bucketFacts(store, key) }
  const head = await ifThere(store.head(key))
  if (!head) return facts
  const [tags, acl] = await Promise.all([
    orReason(() => store.getTags(key)),
    orReason(() => aclOf(store, key)),
  ])
  const { size, etag, modified, versionId, expiry, meta } = head
  const { user, contentType, kept: _, ...headers } = meta
  const stored = {
    size,
    etag,
    modified,
    ...(versionId === undefined ? {} : { versionId }),
    ...(expiry === undefined ? {} : { expiry }),
    ...(contentType === undefined ? {} : { contentType }),
    headers: Object.fromEntries(
      Object.entries(headers).filter(([, value]) => typeof value === 'string'),
    ),
    user,
    tags,
    acl,
  }
  return { ...facts, stored }
}

/** The mounted one, one of all, or all of them. */
function isBucket(store: ObjectStore, key: Key): boolean {
  return key === '' || (store.buckets !== undefined && key.indexOf('/') === key.length - 1)
}

async function bucketFacts(
  store: ObjectStore,
  key: Key,
): Promise<NonNullable<ObjectFacts['bucket']>> {
  if (key === '' && store.buckets) return { name: store.name, acl: [] }
  const acl = await orReason(() => aclOf(store, key))
  if (key === '') return { name: store.name, acl }
  const head = await ifThere(store.head(key))
  return { name: key.slice(0, -1), ...(head ? { created: head.modified } : {}), acl }
}

async function aclOf(store: ObjectStore, key: Key): Promise<string[]> {
  const grants = await store.getAcl(key)
  return grants.map(({ grantee, permission }) => `${grantee} ${permission}`)
}

function urlOf(store: ObjectStore, key: Key): string {
  try {
    return store.url(key)
  } catch {
    return ''
  }
}

async function orReason<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof StoreError) return `${error.kind}: ${error.message}`
    throw error
  }
}

function wordFor(state: Readonly<KeyState> | undefined): string {
  if (!state) return 'stored'
  if (state.parked) return 'failed'
  return state.busy ? 'sending' : 'waiting'
}
