/** How an S3 bucket or account is reached: what a person may set, and what stands where nothing is set. */
import type { Clock, Log } from '../../core/ports.ts'
import type { Bytes, CannedAcl, Milliseconds } from '../../core/types.ts'

export interface S3Options {
  /** e.g. `https://s3.example.org:8443`. Default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's, or Amazon's. */
  readonly endpoint?: string
  /** Default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1. A wrong one is corrected from the reply. */
  readonly region?: string
  /** A profile of ~/.aws/config and credentials. Default: AWS_PROFILE. */
  readonly profile?: string
  /** Keys given outright; default: the SDK's chain (environment, files, SSO, process, web identity, instance). */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  /** `host/bucket/key` instead of `bucket.host/key`. Default: true with an endpoint of one's own. */
  readonly pathStyle?: boolean
  /** Requests without a signature, for public buckets. */
  readonly anonymous?: boolean
  /** PEM file with authorities to trust. Default: AWS_CA_BUNDLE. */
  readonly caBundle?: string
  /** Accept any TLS certificate. */
  readonly insecure?: boolean
  /** Most connections to one host. Default 32. */
  readonly maxSockets?: number
  /** Default 10 s. */
  readonly connectTimeout?: Milliseconds
  /** Time without any progress before a request fails. Default 60 s. */
  readonly timeout?: Milliseconds
  /** Canned ACL of what is written. Default: none sent. */
  readonly acl?: CannedAcl
  /** Storage class of what is written, where the object has none of its own. */
  readonly storageClass?: string
  /** Server-side encryption: `AES256`, `aws:kms`, ... */
  readonly encryption?: string
  readonly encryptionKey?: string
  /** Pay for requests to buckets that ask for it. */
  readonly requesterPays?: boolean
  /** Size of the parts in which objects over the copy limit are copied. Default 512 MiB. */
  readonly copyPart?: Bytes
}

/** What a store is given besides options. */
export interface S3Ports {
  readonly log: Log
  readonly clock: Clock
  /** Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export const DEFAULT_REGION = 'us-east-1'
