/**
 * Access lists and tags that an object's metadata has a note of (`core/kept`), kept over what would lose them: on S3 a
 * new PUT, and any copy, makes an object private and takes its tags. Only for noted objects is anything asked; what
 * the object has now counts more than the note, since others may have changed it.
 */
import { StoreError } from '../core/errors.ts'
import { parseKept, type Kept } from '../core/kept.ts'
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

class KeptExtras extends StoreDecorator {
  protected around<T>(_call: Call, run: () => Promise<T>): Promise<T> {
    return run()
  }

  override async put(key: Key, body: Body, options: PutOptions): Promise<Stored> {
    const kept = parseKept(options.meta.kept)
    const [acl, tags] = await Promise.all([this.#acl(kept, key), this.#tags(kept, key)])
    const stored = await withAcl(options, acl, asked => this.inner.put(key, body, asked))
    await this.#tag(key, tags)
    return stored
  }

  override async copy(from: CopySource, to: Key, options: CopyOptions): Promise<Stored> {
    const kept = parseKept(options.meta?.kept)
    const here = from.bucket === undefined
    const [acl, tags] = await Promise.all([
      this.#copiedAcl(kept, here ? from.key : undefined, to),
      kept.tags === 'some' ? this.#tags(kept, to) : kept.tags,
    ])
    const stored = await withAcl(options, acl, asked => this.inner.copy(from, to, asked))
    await this.#tag(to, tags)
    return stored
  }

  override async setMeta(from: CopySource, options: PutOptions): Promise<Stored> {
    const kept = parseKept(options.meta.kept)
    const { key } = from
    const [acl, tags] = await Promise.all([this.#acl(kept, key), this.#tags(kept, key)])
    const stored = await withAcl(options, acl, asked => this.inner.setMeta(from, asked))
    await this.#tag(key, tags)
    return stored
  }

  override async createUpload(key: Key, options: PutOptions): Promise<Upload> {
    const acl = await this.#acl(parseKept(options.meta.kept), key)
    return withAcl(options, acl, asked => this.inner.createUpload(key, asked))
  }

  override async completeUpload(
    upload: Upload,
    parts: readonly Part[],
    options: PutOptions,
  ): Promise<Stored> {
    const tags = await this.#tags(parseKept(options.meta.kept), upload.key)
    const stored = await this.inner.completeUpload(upload, parts, options)
    await this.#tag(upload.key, tags)
    return stored
  }

  /** What the object has; the note's where there is none yet or it may not be asked. */
  async #acl({ acl }: Kept, key: Key): Promise<CannedAcl | undefined> {
    if (acl === undefined) return undefined
    return (await this.#known(() => this.inner.getAcl(key).then(cannedOf))) ?? acl
  }

  /** The source's; where that is private, that of the object which is replaced: a saved file takes its place. */
  async #copiedAcl(kept: Kept, from: Key | undefined, to: Key): Promise<CannedAcl | undefined> {
    if (kept.acl === undefined || from === undefined) return kept.acl
    const own = await this.#acl(kept, from)
    if (own !== 'private') return own
    return (await this.#known(() => this.inner.getAcl(to).then(cannedOf))) ?? own
  }

  async #tags({ tags }: Kept, key: Key): Promise<Tags | undefined> {
    if (tags === undefined) return undefined
    const found = await this.#known(() => this.inner.getTags(key))
    return found ?? (tags === 'some' ? undefined : tags)
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
