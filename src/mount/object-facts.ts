/** All that the bucket and the journal know of one object. */
import type { ObjectFacts } from '../control/api.ts'
import { StoreError } from '../core/errors.ts'
import type { Key } from '../core/types.ts'
import type { ObjectHead, ObjectStore } from '../store/store.ts'
import type { KeyState } from '../writeback/key-state.ts'

/** Rejects with StoreError when the bucket cannot be asked. What it does not know stands there as a reason. */
export async function objectFacts(
  store: ObjectStore,
  key: Key,
  state: Readonly<KeyState> | undefined,
  reason: string | undefined,
): Promise<ObjectFacts> {
  const head = key === '' ? undefined : await headOf(store, key)
  const facts = { key, url: urlOf(store, key), state: wordFor(state) }
  const told = reason === undefined ? facts : { ...facts, reason }
  if (!head) return told
  const [tags, acl] = await Promise.all([
    orReason(() => store.getTags(key)),
    orReason(async () =>
      (await store.getAcl(key)).map(({ grantee, permission }) => `${grantee} ${permission}`),
    ),
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
  return { ...told, stored }
}

async function headOf(store: ObjectStore, key: Key): Promise<ObjectHead | undefined> {
  try {
    return await store.head(key)
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'not-found') return undefined
    throw error
  }
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
