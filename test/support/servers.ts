/**
 * Real object stores for tests: OpenStack Swift (tempauth or Keystone v3) and Ceph RGW, on loopback.
 *
 * `sharedSwift()` and `sharedRgw()` give the one server that all test files of a run use, started by
 * the first that asks; tests keep apart by buckets of their own (`freshBucket`). `startSwift()` and
 * the like start a server for the caller alone, with its own settings. A server ends with its last
 * user, also when that was killed: see servers/serve.py.
 *
 * Environment: PAILFS_TEST_RUN, the folder of the shared servers of this run (bin/test sets it);
 * PAILFS_TEST_PORTS=LOW-HIGH.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

export type ServerKind = 'swift' | 'swift-keystone' | 'rgw'

/** How S3 is spoken to a server. */
export interface S3Access {
  accessKeyId: string
  secretAccessKey: string
  region: string
  pathStyle: boolean
}

/** How Swift is spoken to a server: v1 auth, or Keystone v3 where `keystone` is there. */
export interface SwiftAccess {
  /** …/auth/v1.0, or …/v3 with Keystone. */
  authUrl: string
  user: string
  key: string
  keystone?: KeystoneAccess
}

export interface KeystoneAccess {
  project: string
  projectId: string
  userDomain: string
  projectDomain: string
  region: string
  /** An application credential of the same user. */
  applicationCredential: { id: string; secret: string }
  /** Other users: `alt` has its own project, `reader` may only read that of `user`. */
  others: Record<string, { key: string; project: string }>
}

export interface Server {
  kind: ServerKind
  /** http://127.0.0.1:PORT, S3 at its root. */
  endpoint: string
  host: string
  port: number
  s3: S3Access
  swift: SwiftAccess
  /** Its logs are in log/ below. */
  directory: string
  /** Ends a server of one's own and removes its data; a shared one goes on for others. */
  stop(): Promise<void>
}

export interface SwiftOptions {
  /** A real memcached instead of a cache in the proxy. */
  memcached?: boolean
  /** Largest object, bytes: small to see segmentation. */
  maxFileSize?: number
  /** Smallest part of an S3 multipart upload, bytes. */
  minSegment?: number
  /** Object ACLs through S3. */
  s3Acl?: boolean
  /** Updaters and expirer, each 2 s: account counts get true, X-Delete-After works. */
  daemons?: boolean
  /** Writes a second per account and container; more get 498. */
  ratelimit?: number
}

export interface KeystoneOptions extends SwiftOptions {
  /** Life of a token, seconds: small to see it renewed. */
  tokenSeconds?: number
}

export interface RgwOptions {
  /** Largest single PUT, bytes. */
  maxPut?: number
  /** Smallest part, bytes. */
  minPart?: number
}

/** A shared server outlives its last user by this, so that tests run by hand one by one share it. */
const LINGER_SECONDS = 120
const START_TIMEOUT_MS = 240_000
/** Debian's own interpreter: the one that has Swift. */
const PYTHON = '/usr/bin/python3'

/** The folder of the checkout; compiled tests are in dist/test/support. */
export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const SERVE = join(PROJECT, 'test', 'support', 'servers', 'serve.py')

const execute = promisify(execFile)

/** Why servers of this kind can't be started here, for `{ skip }` of a test; false when they can. */
export async function whyMissing(kind: ServerKind): Promise<string | false> {
  try {
    const { stdout } = await execute(PYTHON, [SERVE, 'missing', kind])
    const packages = stdout.trim()
    return packages === ''
      ? false
      : `not installed: ${packages} (bin/test installs it, or: apt-get install --no-install-recommends ${packages})`
  } catch (error) {
    return `${PYTHON} is needed for test servers: ${String(error)}`
  }
}

/** The run's Swift: tempauth, s3api, no memcached. */
export function sharedSwift(): Promise<Server> {
  return start('swift', {})
}

/** The run's Ceph RADOS Gateway; its first start takes 20-40 s. */
export function sharedRgw(): Promise<Server> {
  return start('rgw', {})
}

/** The run's Swift with Keystone v3; its first start takes 15-30 s. */
export function sharedKeystoneSwift(): Promise<Server> {
  return start('swift-keystone', {})
}

/** A Swift of one's own. Stop it; it also ends with this process. */
export function startSwift(options: SwiftOptions = {}): Promise<Server> {
  return start('swift', options, 'private')
}

/** A Swift with Keystone of one's own. */
export function startKeystoneSwift(options: KeystoneOptions = {}): Promise<Server> {
  return start('swift-keystone', options, 'private')
}

/** A Ceph RGW of one's own. */
export function startRgw(options: RgwOptions = {}): Promise<Server> {
  return start('rgw', options, 'private')
}

/** Makes an empty bucket (through S3) whose name nobody else has, and returns the name. */
export async function freshBucket(server: Server, prefix = 'test'): Promise<string> {
  const bucket = `${prefix}-${randomBytes(5).toString('hex')}`
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.s3.region,
    forcePathStyle: true,
    credentials: server.s3,
  })
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } finally {
    client.destroy()
  }
  return bucket
}

/** The environment that AWS tools and pailfs take their credentials and endpoint from. */
export function awsEnvironment(server: Server, endpoint = server.endpoint): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: server.s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.s3.secretAccessKey,
    AWS_REGION: server.s3.region,
    AWS_DEFAULT_REGION: server.s3.region,
    AWS_ENDPOINT_URL: endpoint,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

/** Where the shared servers of this run are. */
export function runDirectory(): string {
  return process.env['PAILFS_TEST_RUN'] ?? join(tmpdir(), `pailfs-test-${userInfo().uid}`)
}

async function start(
  kind: ServerKind,
  options: SwiftOptions | KeystoneOptions | RgwOptions,
  use: 'shared' | 'private' = 'shared',
): Promise<Server> {
  const root = runDirectory()
  await mkdir(root, { recursive: true, mode: 0o700 })
  const directory =
    use === 'private' ? await mkdtemp(join(root, `${kind}-`)) : join(root, `shared-${kind}`)
  const args = ['start', kind, directory, '--options', JSON.stringify(options)]
  args.push('--lease', String(process.pid))
  args.push(...(use === 'private' ? ['--private'] : ['--linger', String(LINGER_SECONDS)]))
  const info = await python(args)
  const stop = async (): Promise<void> => {
    if (use === 'private') await execute(PYTHON, [SERVE, 'stop', directory])
  }
  return { ...(JSON.parse(info) as Omit<Server, 'stop'>), stop }
}

async function python(args: string[]): Promise<string> {
  try {
    const { stdout } = await execute(PYTHON, [SERVE, ...args], { timeout: START_TIMEOUT_MS })
    return stdout
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim()
    throw new Error(`the test server did not start: ${said || String(error)}`, { cause: error })
  }
}
