/**
 * One way of speaking to one server, for tests that are written once and run over all of them: how pailfs is told of
 * it, and a second, independent client (boto3 or python-swiftclient) with the same few words for both families.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { BucketClient, whyNoBoto } from './bucket-client.ts'
import { whyNoFuse, type TestScope } from './mount.ts'
import { Proxy } from './proxy.ts'
import {
  PROJECT,
  sharedKeystoneSwift,
  sharedRgw,
  sharedSwift,
  startSwift,
  whyMissing,
  type Server,
  type ServerKind,
} from './servers.ts'
import { program } from './shell.ts'

export interface Seen {
  size: number
  contentType: string
  cacheControl: string
  contentDisposition: string
  contentEncoding: string
  storageClass: string
  versionId: string
  /** User metadata, names in lower case. */
  user: Record<string, string>
}

/** What the second client can do. */
export interface Other {
  buckets(): Promise<string[]>
  createBucket(bucket: string): Promise<void>
  put(bucket: string, key: string, body: string, user?: Record<string, string>): Promise<void>
  get(bucket: string, key: string): Promise<string>
  head(bucket: string, key: string): Promise<Seen>
  keys(bucket: string): Promise<string[]>
  /** Grants as `WHO RIGHT`: of an object, or on Swift of its container. */
  acl(bucket: string, key: string): Promise<string[]>
  tags(bucket: string, key: string): Promise<Record<string, string>>
  /** Sets them; whether the server's HEAD counts them. */
  tag(bucket: string, key: string, tags: Record<string, string>): Promise<boolean>
  /** Makes the bucket keep versions; false where the server has none. */
  keepVersions(bucket: string): Promise<boolean>
  /** Lets the store delete an object after a while; false where the family has no such thing. */
  expire(bucket: string, key: string, seconds: number): Promise<boolean>
}

export interface Family {
  title: string
  scheme: 's3' | 'swift'
  server: Server
  /** Between pailfs and the server. */
  proxy: Proxy
  /** What pailfs is told besides the S3 access of `server`. */
  env: Record<string, string>
  other: Other
  /** Makes a bucket that belongs to another account; undefined where the test has no other account. */
  stranger: ((bucket: string) => Promise<void>) | undefined
}

export interface Kind {
  title: string
  scheme: 's3' | 'swift'
  kind: ServerKind
  start: () => Promise<Server>
}

export const FAMILIES: readonly Kind[] = [
  { title: 'S3 on Swift', scheme: 's3', kind: 'swift', start: sharedSwift },
  { title: 'Swift, v1 auth', scheme: 'swift', kind: 'swift', start: sharedSwift },
  { title: 'S3 on RGW', scheme: 's3', kind: 'rgw', start: sharedRgw },
  { title: 'Swift on RGW', scheme: 'swift', kind: 'rgw', start: sharedRgw },
  {
    title: 'Swift, Keystone v3',
    scheme: 'swift',
    kind: 'swift-keystone',
    start: sharedKeystoneSwift,
  },
]

/** Swift's S3 with access lists for objects, which it has switched off by default. A server of its own. */
export const WITH_LISTS: Kind = {
  title: 'S3 on Swift with s3_acl',
  scheme: 's3',
  kind: 'swift',
  start: () => startSwift({ s3Acl: true }),
}

/** Why it cannot be tested here, or false. */
export async function whyNot({ kind, scheme }: Kind): Promise<string | false> {
  const missing = (await whyMissing(kind)) || (await whyNoFuse())
  if (missing) return missing
  if (scheme === 's3') return whyNoBoto()
  const { code } = await program('/usr/bin/python3', ['-c', 'import swiftclient'])
  return code === 0 ? false : 'not installed: python3-swiftclient'
}

export async function openFamily(t: TestScope, { title, scheme, start }: Kind): Promise<Family> {
  const server = await start()
  t.teardown(() => server.stop())
  const proxy = await Proxy.start(server)
  t.teardown(() => proxy.stop())
  const env = scheme === 's3' ? {} : throughProxy(server, proxy)
  const other = scheme === 's3' ? await boto(t, server) : swiftclient(t, server)
  return { title, scheme, server, proxy, env, other, stranger: await strangerOf(t, server) }
}

/** The servers of servers/*.py have this other account with an S3 access. */
const STRANGERS: Partial<Record<ServerKind, readonly [string, string]>> = {
  rgw: ['alt', 'alttesting'],
  swift: ['test2:tester2', 'testing2'],
}

async function strangerOf(t: TestScope, server: Server): Promise<Family['stranger']> {
  const [accessKeyId, secretAccessKey] = STRANGERS[server.kind] ?? []
  if (accessKeyId === undefined || secretAccessKey === undefined || (await whyNoBoto()))
    return undefined
  const s3 = { ...server.s3, accessKeyId, secretAccessKey }
  const client = await BucketClient.start(t, { ...server, s3 }, '')
  return async bucket => void (await client.call('create_bucket', { Bucket: bucket }))
}

/** Auth and objects through the proxy; Keystone has an address of its own, and its catalogue the server's. */
function throughProxy(server: Server, { endpoint }: Proxy): Record<string, string> {
  const { keystone } = server.swift
  const env = swiftEnvironment(server)
  if (keystone) return { ...env, OS_STORAGE_URL: `${endpoint}/v1/AUTH_${keystone.projectId}` }
  return { ...env, ST_AUTH: server.swift.authUrl.replace(server.endpoint, endpoint) }
}

/** What the Swift tools take their credentials from. */
export function swiftEnvironment({ swift }: Server): Record<string, string> {
  const { keystone } = swift
  if (!keystone) return { ST_AUTH: swift.authUrl, ST_USER: swift.user, ST_KEY: swift.key }
  return {
    OS_AUTH_URL: swift.authUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: swift.user,
    OS_PASSWORD: swift.key,
    OS_PROJECT_NAME: keystone.project,
    OS_USER_DOMAIN_ID: keystone.userDomain,
    OS_PROJECT_DOMAIN_ID: keystone.projectDomain,
    OS_REGION_NAME: keystone.region,
  }
}

async function boto(t: TestScope, server: Server): Promise<Other> {
  const client = await BucketClient.start(t, server, '')
  return {
    buckets: async () => {
      const found = await client.call('list_buckets', { Bucket: undefined })
      return (found['Buckets'] as { Name: string }[]).map(({ Name }) => Name)
    },
    createBucket: async bucket => void (await client.call('create_bucket', { Bucket: bucket })),
    put: async (bucket, key, body, user = {}) =>
      void (await client.call('put_object', {
        Bucket: bucket,
        Key: key,
        Body: Buffer.from(body),
        Metadata: user,
      })),
    get: async (bucket, key) =>
      String((await client.call('get_object', { Bucket: bucket, Key: key }))['Body']),
    head: async (bucket, key) => {
      const head = await client.call('head_object', { Bucket: bucket, Key: key })
      return {
        size: Number(head['ContentLength']),
        contentType: String(head['ContentType']),
        cacheControl: text(head['CacheControl']),
        contentDisposition: text(head['ContentDisposition']),
        contentEncoding: text(head['ContentEncoding']),
        storageClass: text(head['StorageClass']),
        versionId: text(head['VersionId']),
        user: head['Metadata'] as Record<string, string>,
      }
    },
    keys: async bucket =>
      (
        (await client.call('keys', { Bucket: bucket, Prefix: '' })) as unknown as { key: string }[]
      ).map(({ key }) => key),
    acl: async (bucket, key) => {
      const method = key === '' ? 'get_bucket_acl' : 'get_object_acl'
      const found = await client.call(method, { Bucket: bucket, ...(key && { Key: key }) })
      const grants = found['Grants'] as { Grantee: Record<string, string>; Permission: string }[]
      return grants.map(
        ({ Grantee, Permission }) => `${Grantee['URI'] ?? Grantee['ID']} ${Permission}`,
      )
    },
    tags: async (bucket, key) => {
      const found = await client.call('get_object_tagging', { Bucket: bucket, Key: key })
      const set = found['TagSet'] as { Key: string; Value: string }[]
      return Object.fromEntries(set.map(({ Key, Value }) => [Key, Value]))
    },
    tag: async (bucket, key, tags) => {
      const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
      const place = { Bucket: bucket, Key: key }
      await client.call('put_object_tagging', { ...place, Tagging: { TagSet } })
      const { ResponseMetadata: reply } = await client.call('head_object', place)
      const { HTTPHeaders: headers } = reply as { HTTPHeaders: Record<string, string> }
      return Number(headers['x-amz-tagging-count'] ?? 0) > 0
    },
    keepVersions: bucket =>
      client
        .call('put_bucket_versioning', {
          Bucket: bucket,
          VersioningConfiguration: { Status: 'Enabled' },
        })
        .then(
          () => true,
          () => false,
        ),
    expire: () => Promise.resolve(false),
  }
}

const META = 'x-object-meta-'

function swiftclient(t: TestScope, server: Server): Other {
  const { swift } = server
  const { keystone } = swift
  const options = keystone
    ? {
        project_name: keystone.project,
        user_domain_id: keystone.userDomain,
        project_domain_id: keystone.projectDomain,
        region_name: keystone.region,
      }
    : undefined
  const access = {
    authurl: swift.authUrl,
    user: swift.user,
    key: swift.key,
    ...(options ? { auth_version: '3', os_options: options } : {}),
  }
  const script = join(PROJECT, 'test', 'support', 'servers', 'swift_other.py')
  const child = spawn('/usr/bin/python3', [script, JSON.stringify(access)])
  child.stderr.pipe(process.stderr)
  t.teardown(() => child.stdin.end())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const call = async (name: string, args: unknown[] = [], kwargs: object = {}) => {
    child.stdin.write(`${JSON.stringify({ call: name, args, kwargs })}\n`)
    const line = await lines.next()
    if (line.done) throw new Error('the second client ended')
    const answer = JSON.parse(line.value) as { ok: unknown } | { error: string }
    if ('error' in answer) throw new Error(answer.error)
    return answer.ok
  }
  return {
    buckets: async () => names(await call('get_account', [], { full_listing: true })),
    createBucket: async bucket => void (await call('put_container', [bucket])),
    put: async (bucket, key, body, user = {}) => {
      const headers = Object.fromEntries(Object.entries(user).map(([n, v]) => [META + n, v]))
      await call('put_object', [bucket, key, base64(body)], { headers })
    },
    get: async (bucket, key) => {
      const [, body] = (await call('get_object', [bucket, key])) as [unknown, { base64: string }]
      return Buffer.from(body.base64, 'base64').toString()
    },
    head: async (bucket, key) => {
      const headers = (await call('head_object', [bucket, key])) as Record<string, string>
      const user = Object.entries(headers)
        .filter(([name]) => name.startsWith(META))
        .map(([name, value]) => [name.slice(META.length), value])
      return {
        size: Number(headers['content-length']),
        contentType: headers['content-type'] ?? '',
        cacheControl: headers['cache-control'] ?? '',
        contentDisposition: headers['content-disposition'] ?? '',
        contentEncoding: headers['content-encoding'] ?? '',
        storageClass: '',
        versionId: headers['x-object-version-id'] ?? '',
        user: Object.fromEntries(user) as Record<string, string>,
      }
    },
    keys: async bucket => names(await call('get_container', [bucket], { full_listing: true })),
    acl: async bucket => {
      const headers = (await call('head_container', [bucket])) as Record<string, string>
      const readers = (headers['x-container-read'] ?? '').split(',')
      return readers.filter(who => who !== '').map(who => `${who} READ`)
    },
    tags: () => Promise.resolve({}),
    tag: () => Promise.resolve(false),
    keepVersions: async bucket => {
      const headers = { 'X-Versions-Enabled': 'true' }
      await call('post_container', [bucket, headers]).catch(() => {})
      const now = (await call('head_container', [bucket])) as Record<string, string>
      return now['x-versions-enabled']?.toLowerCase() === 'true'
    },
    expire: async (bucket, key, seconds) => {
      const headers = { 'X-Delete-After': String(seconds) }
      await call('post_object', [bucket, key, headers])
      return true
    },
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function base64(text: string): { base64: string } {
  return { base64: Buffer.from(text).toString('base64') }
}

/** Of containers or objects: python-swiftclient gives headers and a list. */
function names(listing: unknown): string[] {
  return (listing as [unknown, { name: string }[]])[1].map(({ name }) => name)
}
