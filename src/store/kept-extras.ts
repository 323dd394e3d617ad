/**
 * Access lists and tags that an object's metadata has a note of (`core/kept`), kept over what would lose them: on S3 a
 * new PUT, and any copy, makes an object private and takes its tags. Only for noted objects is anything asked; what
 * the object has now counts more than the note, since others may have changed it.
 */
import { StoreError } from '../core/errors.ts'
import { parseKept } from '../core/kept.ts'
import type { CannedAcl, Key } from '../core/types.ts'
import { StoreDecorator, type Call } from './decorator.ts'
import type {
  Body,
  CopyOptions,
  CopySource,
  Grant,
  ObjectStore,
  Part,
  PutOptions,
  Stored,
  Upload,
} from './store.ts'

type Tags = Readonly<Record<string, string>>

const ALL_USERS = /AllUsers$/
const SIGNED_IN = /AuthenticatedUsers$/

/** The same store, which keeps what is noted. */
export function keepExtras(store: ObjectStore): ObjectStore {
  return new KeptExtras(store)
}

/** The canned rule that grants amount to; undefined where there is none for them. */
export function cannedOf(grants: readonly Grant[]): CannedAcl | undefined {
  const groups = grants.filter(({ grantee }) => grantee.startsWith('group '))
  if (grants.length - groups.length > 1) return undefined
  const said = groups.map(({ grantee, permission }) => {
    const who = ALL_USERS.test(grantee) ? 'all' : SIGNED_IN.test(grantee) ? 'users' : grantee
    return `${who} ${permission}`
  })
  return RULES[said.sort().join()]
}

const RULES: Readonly<Record<string, CannedAcl>> = {
  '': 'private',
  'all READ': 'public-read',
  'all READ,all WRITE': 'public-read-write',
  'users READ': 'authenticated-read',
}

interface Wanted {
  readonly acl: CannedAcl | undefined
  readonly tags: Tags | undefined
}

class KeptExtras extends StoreDecorator {
  protected around<T>(_call: Call, run: () => Promise<T>): Promise<T> {
    return run()
  }

  override async put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const { acl, tags } = await this.#wanted(options.meta.kept, [key])
    const stored = await withAcl(options, acl, asked => this.inner.put(key, body, asked))
    await this.#tag(key, tags)
    return stored
  }

  override async copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const places = from.bucket === undefined ? [from.key, to] : [to]
    const { acl, tags } = await this.#wanted(options.meta?.kept, places)
    const stored = await withAcl(options, acl, asked => this.inner.copy(from, to, asked))
    await this.#tag(to, tags)
    return stored
  }

  override async setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const { acl, tags } = await this.#wanted(options.meta.kept, [from.key])
    const stored = await withAcl(options, acl, asked => this.inner.setMeta(from, asked))
    await this.#tag(from.key, tags)
    return stored
  }

  override async createUpload(key: Key, options: PutOptions): Promise<Upload> {
    const { acl } = await this.#wanted(options.meta.kept, [key])
    return withAcl(options, acl, asked => this.inner.createUpload(key, asked))
  }

  override async completeUpload(
    upload: Upload,
    parts: readonly Part[],
    options: PutOptions,
  ): Promise<Stored> {
    const { tags } = await this.#wanted(options.meta.kept, [upload.key])
    const stored = await this.inner.completeUpload(upload, parts, options)
    await this.#tag(upload.key, tags)
    return stored
  }

  /** What a write with this note shall set: what the first of these objects has that is noted itself, else the note. */
  async #wanted(note: string | undefined, keys: readonly Key[]): Promise<Wanted> {
    const kept = parseKept(note)
    let { acl } = kept
    let tags = kept.tags === 'some' ? undefined : kept.tags
    let open = { acl: acl !== undefined, tags: kept.tags !== undefined }
    for (const key of keys) {
      if (!open.acl && !open.tags) break
      const now = await this.#now(key, open)
      acl = now.acl ?? acl
      tags = now.tags ?? tags
      open = { acl: open.acl && !now.acl, tags: open.tags && !now.tags }
    }
    return { acl, tags }
  }

  /** An object without a note was stored by a request that could not say all: it tells nothing. */
  async #now(key: Key, ask: { acl: boolean; tags: boolean }): Promise<Wanted> {
    const head = await this.#known(() => this.inner.head(key))
    const noted = parseKept(head?.meta.kept)
    const [grants, tags] = await Promise.all([
      ask.acl && noted.acl ? this.#known(() => this.inner.getAcl(key)) : undefined,
      ask.tags && noted.tags ? this.#known(() => this.inner.getTags(key)) : undefined,
    ])
    return { acl: grants && cannedOf(grants), tags }
  }

  /** Undefined where there is no answer to be had; what may pass is tried again with the whole request. */
  async #known<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask()
    } catch (error) {
      const final = error instanceof StoreError && !error.passing && error.kind !== 'aborted'
      if (final) return undefined
      throw error
    }
  }

  /** Tags after a new object; the object stays good without them. */
  async #tag(key: Key, tags: Tags | undefined): Promise<void> {
    if (tags && Object.keys(tags).length > 0) await this.inner.setTags(key, tags).catch(() => {})
  }
}

/** Where the noted rule is refused (the bucket forbids them by now, or this user may not set any), without it. */
async function withAcl<O extends CopyOptions, T>(
  options: O,
  acl: CannedAcl | undefined,
  run: (options: O) => Promise<T>,
): Promise<T> {
  if (acl === undefined) return run(options)
  try {
    return await run({ ...options, acl })
  } catch (error) {
    const refused = error instanceof StoreError && ['unsupported', 'denied'].includes(error.kind)
    if (!refused) throw error
    return run(options)
  }
}
