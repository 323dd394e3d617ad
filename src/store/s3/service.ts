/** `BucketService` over S3: an account's buckets. */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketAclCommand,
  ListBucketsCommand,
  PutBucketAclCommand,
} from '@aws-sdk/client-s3'
import { StoreError } from '../../core/errors.ts'
import type { CannedAcl } from '../../core/types.ts'
import type { Bucket, BucketService, Grant, ObjectStore, Usage } from '../store.ts'
import type { Account } from './account.ts'
import { BucketClient } from './bucket-client.ts'
import { grantOf } from './extras.ts'
import { DEFAULT_REGION } from './options.ts'
import { S3_FEATURES, S3_LIMITS, S3Store } from './s3-store.ts'

export class S3Service implements BucketService {
  readonly family = 's3'
  readonly features = S3_FEATURES
  readonly limits = S3_LIMITS
  readonly #account: Account
  /** Calls that are about no bucket or whose bucket stands in the command. */
  readonly #client: BucketClient

  constructor(account: Account) {
    this.#account = account
    this.#client = new BucketClient(account, 'none')
  }

  async listBuckets(): Promise<readonly Bucket[]> {
    const found: Bucket[] = []
    let token: string | undefined
    do {
      const input = token === undefined ? {} : { ContinuationToken: token }
      const page = await this.#client.call({ operation: 'ListBuckets' }, (sdk, o) =>
        sdk.send(new ListBucketsCommand(input), o),
      )
      for (const { Name, CreationDate } of page.Buckets ?? []) {
        if (Name === undefined) continue
        const created = CreationDate?.getTime()
        found.push(created === undefined ? { name: Name } : { name: Name, created })
      }
      token = page.ContinuationToken === token ? undefined : page.ContinuationToken
    } while (token !== undefined && token !== '')
    return found
  }

  /** In the region of the options. Rejects `exists`, `invalid`. */
  async createBucket(name: string): Promise<void> {
    const { region } = this.#client
    const elsewhere = region !== DEFAULT_REGION
    const ownEndpoint = this.#account.options.endpoint !== undefined
    try {
      await this.#create(name, elsewhere && !ownEndpoint ? region : undefined)
    } catch (error) {
      // Servers with an endpoint of their own differ in whether they want the place said.
      const code = error instanceof StoreError ? error.details.code : undefined
      if (!ownEndpoint || !elsewhere || !/LocationConstraint/.test(code ?? '')) throw error
      await this.#create(name, region)
    }
  }

  async deleteBucket(name: string): Promise<void> {
    await this.#forBucket(name).call({ operation: 'DeleteBucket' }, (sdk, o) =>
      sdk.send(new DeleteBucketCommand({ Bucket: name }), o),
    )
  }

  async open(name: string): Promise<ObjectStore> {
    const client = this.#forBucket(name)
    // The pools are the account's: they close with the service.
    return new S3Store(client, await client.place(), () => {})
  }

  async getAcl(name: string): Promise<readonly Grant[]> {
    const reply = await this.#forBucket(name).call({ operation: 'GetBucketAcl' }, (sdk, o) =>
      sdk.send(new GetBucketAclCommand({ Bucket: name }), o),
    )
    return (reply.Grants ?? []).map(grantOf)
  }

  async setAcl(name: string, acl: CannedAcl): Promise<void> {
    await this.#forBucket(name).call({ operation: 'PutBucketAcl' }, (sdk, o) =>
      sdk.send(new PutBucketAclCommand({ Bucket: name, ACL: acl }), o),
    )
  }

  usage(): Promise<Usage | undefined> {
    return Promise.resolve(undefined)
  }

  close(): void {
    this.#account.close()
  }

  async #create(name: string, location: string | undefined): Promise<void> {
    const where = { LocationConstraint: location as 'eu-west-1' }
    const input = location === undefined ? {} : { CreateBucketConfiguration: where }
    await this.#client.call({ operation: 'CreateBucket' }, (sdk, o) =>
      sdk.send(new CreateBucketCommand({ Bucket: name, ...input }), o),
    )
  }

  #forBucket(name: string): BucketClient {
    return new BucketClient(this.#account, name)
  }
}
