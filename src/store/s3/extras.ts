/** Grants, tags, addresses and usage of a bucket's objects. Rare; all through the SDK. */
import {
  DeleteObjectTaggingCommand,
  GetBucketAclCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  PutBucketAclCommand,
  PutObjectAclCommand,
  PutObjectTaggingCommand,
  type Grant as SdkGrant,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { StoreError } from '../../core/errors.ts'
import type { CannedAcl, Key, Milliseconds } from '../../core/types.ts'
import type { Features, Grant, Usage } from '../store.ts'
import type { BucketClient } from './bucket-client.ts'
import { failure, refusalOfSdk } from './errors.ts'
import { encodeKey } from './escape.ts'

/** The longest a signature can be good for. */
const WEEK: Milliseconds = 7 * 24 * 3600 * 1000

export class Extras {
  readonly #client: BucketClient
  readonly #features: Features
  #usageUnknown = false

  constructor(client: BucketClient, features: Features) {
    this.#client = client
    this.#features = features
  }

  async getAcl(key: Key): Promise<readonly Grant[]> {
    if (key === '') return this.#bucketAcl()
    const reply = await this.#client.call({ operation: 'GetObjectAcl', key }, (sdk, o) =>
      sdk.send(new GetObjectAclCommand(this.#object(key)), o),
    )
    return (reply.Grants ?? []).map(grantOf)
  }

  async setAcl(key: Key, acl: CannedAcl): Promise<void> {
    if (key === '') return this.#setBucketAcl(acl)
    const input = { ...this.#object(key), ACL: acl }
    await this.#learning('acl', () =>
      this.#client.call({ operation: 'PutObjectAcl', key }, (sdk, o) =>
        sdk.send(new PutObjectAclCommand(input), o),
      ),
    )
  }

  async #bucketAcl(): Promise<readonly Grant[]> {
    const input = { Bucket: this.#client.bucket }
    const reply = await this.#client.call({ operation: 'GetBucketAcl' }, (sdk, o) =>
      sdk.send(new GetBucketAclCommand(input), o),
    )
    return (reply.Grants ?? []).map(grantOf)
  }

  async #setBucketAcl(acl: CannedAcl): Promise<void> {
    const input = { Bucket: this.#client.bucket, ACL: acl }
    await this.#client.call({ operation: 'PutBucketAcl' }, (sdk, o) =>
      sdk.send(new PutBucketAclCommand(input), o),
    )
  }

  async getTags(key: Key): Promise<Readonly<Record<string, string>>> {
    const tags: Record<string, string> = {}
    try {
      const reply = await this.#client.call({ operation: 'GetObjectTagging', key }, (sdk, o) =>
        sdk.send(new GetObjectTaggingCommand(this.#object(key)), o),
      )
      for (const { Key, Value } of reply.TagSet ?? [])
        if (Key !== undefined) tags[Key] = Value ?? ''
    } catch (error) {
      if (!(error instanceof StoreError) || error.details.code !== 'NoSuchTagSet') throw error
    }
    return tags
  }

  async setTags(key: Key, tags: Readonly<Record<string, string>>): Promise<void> {
    const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
    await this.#learning('tags', () =>
      this.#client.call({ operation: 'PutObjectTagging', key }, async (sdk, o) => {
        if (TagSet.length === 0)
          await sdk.send(new DeleteObjectTaggingCommand(this.#object(key)), o)
        else
          await sdk.send(
            new PutObjectTaggingCommand({ ...this.#object(key), Tagging: { TagSet } }),
            o,
          )
      }),
    )
  }

  /** `origin` and `base` as the bucket was found. */
  url(place: { readonly origin: string; readonly base: string }, key: Key): string {
    return `${place.origin}${place.base}/${encodeKey(key)}`
  }

  async signedUrl(key: Key, expires: Milliseconds): Promise<string> {
    if (this.#client.account.options.anonymous === true)
      return this.url(await this.#client.place(), key)
    if (expires > WEEK) {
      const asked = { operation: 'SignedUrl', key }
      throw failure('unsupported', asked, 'on S3 a signature is good for 7 days at the most')
    }
    const expiresIn = Math.max(1, Math.ceil(expires / 1000))
    try {
      const sdk = await this.#client.sdk()
      return await getSignedUrl(sdk, new GetObjectCommand(this.#object(key)), { expiresIn })
    } catch (error) {
      throw refusalOfSdk({ operation: 'SignedUrl', key }, error).error
    }
  }

  /** Ceph tells in headers of HEAD on the bucket; others do not, and are asked once. */
  async usage(): Promise<Usage | undefined> {
    if (this.#usageUnknown) return undefined
    const query = { 'read-stats': 'true' }
    const reply = await this.#client
      .send({ operation: 'HeadBucket', method: 'HEAD', query })
      .catch(() => undefined)
    const bytes = Number(reply?.headers['x-rgw-bytes-used'] ?? Number.NaN)
    const objects = Number(reply?.headers['x-rgw-object-count'] ?? Number.NaN)
    if (Number.isNaN(bytes) || Number.isNaN(objects)) {
      this.#usageUnknown = reply !== undefined
      return undefined
    }
    const quota = Number(reply?.headers['x-rgw-quota-bucket-size'] ?? 0)
    return { bytes, objects, ...(quota > 0 ? { quota } : {}) }
  }

  #object(key: Key): { Bucket: string; Key: string } {
    return { Bucket: this.#client.bucket, Key: key }
  }

  async #learning(feature: 'acl' | 'tags', run: () => Promise<unknown>): Promise<void> {
    try {
      await run()
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'unsupported')
        this.#features[feature] = false
      throw error
    }
  }
}

/** A grant in our words: `user NAME` or `group URI`. */
export function grantOf({ Grantee, Permission }: SdkGrant): Grant {
  const who =
    Grantee?.URI ?? Grantee?.ID ?? Grantee?.EmailAddress ?? Grantee?.DisplayName ?? 'unknown'
  return {
    grantee: `${Grantee?.URI === undefined ? 'user' : 'group'} ${who}`,
    permission: Permission ?? 'unknown',
  }
}
