/** The way in: one bucket, or an account's buckets. No request is made here; `probe` makes the first. */
import { refusalOfSdk } from './errors.ts'
import { Account } from './account.ts'
import { BucketClient } from './bucket-client.ts'
import type { S3Options, S3Ports } from './options.ts'
import { S3Store } from './s3-store.ts'
import { S3Service } from './service.ts'

export type { S3Options, S3Ports } from './options.ts'

/** A bucket's store. Rejects with StoreError where endpoint, bucket name or CA bundle are no good. */
export async function openS3Bucket(
  bucket: string,
  options: S3Options,
  ports: S3Ports,
): Promise<S3Store> {
  try {
    const account = await Account.open(options, ports)
    const client = new BucketClient(account, bucket)
    return new S3Store(client, await client.place(), () => account.close())
  } catch (error) {
    throw refusalOfSdk({ operation: 'OpenBucket' }, error).error
  }
}

/** An account's buckets. Stores that it opens share its connections and close with it. */
export async function openS3Service(options: S3Options, ports: S3Ports): Promise<S3Service> {
  try {
    return new S3Service(await Account.open(options, ports))
  } catch (error) {
    throw refusalOfSdk({ operation: 'OpenService' }, error).error
  }
}
