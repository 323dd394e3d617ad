/**
 * From the configuration to the store: which adapter, with what. Adapters are loaded only when they are
 * needed (an SDK takes 0.3 s), and secrets stay where they are: the adapters read them from the environment
 * and the usual files.
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import type { Clock, Log, Random } from '../core/ports.ts'
import { allBuckets } from '../store/all-buckets.ts'
import { withPrefix } from '../store/prefix.ts'
import type { S3Options } from '../store/s3/open.ts'
import type { BucketService, ObjectStore } from '../store/store.ts'
import { ConfigError } from './config.ts'
import { checkProfile, s3Endpoint } from './endpoint.ts'
import type { Family, MountSource, StoreConfig } from './config.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface StorePorts {
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly env: Environment
}

/**
 * One attempt a call, seen below the source's prefix; all buckets where it names none. That the bucket is there is for
 * `probe` to find. Rejects with StoreError or ConfigError.
 */
export async function openStore(
  source: MountSource,
  config: StoreConfig,
  ports: StorePorts,
): Promise<ObjectStore> {
  if (source.bucket === '') {
    return allBuckets(await openService(source.family, config, ports), ports.clock)
  }
  const open = { s3: openS3, swift: openSwift, memory: openMemory }[source.family]
  return withPrefix(await open(source.bucket, config, ports), source.prefix)
}

/** An account's buckets. Rejects with StoreError or ConfigError. */
export async function openService(
  family: Family,
  config: StoreConfig,
  ports: StorePorts,
): Promise<BucketService> {
  const { log, clock, random, env } = ports
  if (family === 's3') {
    const { openS3Service } = await import('../store/s3/open.ts')
    return openS3Service(s3Options(config, env), { log, clock, env })
  }
  if (family === 'swift') {
    const { openSwiftService } = await import('../store/swift/open.ts')
    const { account, options } = await swiftAccess(config, ports)
    return openSwiftService(account, options)
  }
  const { MemoryService } = await import('../store/memory/memory-service.ts')
  return new MemoryService({ clock, random })
}

async function openS3(
  bucket: string,
  config: StoreConfig,
  ports: StorePorts,
): Promise<ObjectStore> {
  const { openS3Bucket } = await import('../store/s3/open.ts')
  const { log, clock, env } = ports
  return openS3Bucket(bucket, s3Options(config, env), { log, clock, env })
}

function s3Options(config: StoreConfig, env: Environment): S3Options {
  checkProfile(config, env)
  checkAuthorities(config.caBundle ?? env['AWS_CA_BUNDLE'])
  return {
    anonymous: !config.signRequest,
    maxSockets: config.maxConnections,
    timeout: stallLimit(config),
    ...given('endpoint', s3Endpoint(config, env)),
    ...given('region', config.region),
    ...given('profile', config.profile),
    ...given('pathStyle', config.pathStyle),
    ...given('caBundle', config.caBundle),
    ...given('insecure', config.insecure),
    ...given('acl', config.acl),
    ...given('storageClass', config.storageClass),
    ...given('encryption', config.encryption),
    ...given('encryptionKey', config.encryptionKey),
    ...given('requesterPays', config.requesterPays),
  }
}

async function openSwift(
  container: string,
  config: StoreConfig,
  ports: StorePorts,
): Promise<ObjectStore> {
  const { openSwiftStore } = await import('../store/swift/open.ts')
  const { account, options } = await swiftAccess(config, ports)
  return openSwiftStore(account, container, options)
}

async function swiftAccess(config: StoreConfig, ports: StorePorts) {
  const { resolveConfig } = await import('../store/swift/config.ts')
  const { log, clock, random, env } = ports
  const account = resolveConfig({
    env,
    home: homedir(),
    readFile: readText,
    options: swiftOptions(config, env),
    ...given('cloud', config.osCloud),
  })
  const options = {
    clock,
    random,
    log,
    maxSockets: config.maxConnections,
    timeout: stallLimit(config),
  }
  return { account, options }
}

async function openMemory(
  bucket: string,
  _config: StoreConfig,
  ports: StorePorts,
): Promise<ObjectStore> {
  const { MemoryStore } = await import('../store/memory/memory-store.ts')
  return new MemoryStore({ bucket, clock: ports.clock, random: ports.random })
}

/** Our options by the names that the Swift tools have for them. The address is that of the authentication. */
function swiftOptions(config: StoreConfig, env: Environment): Record<string, string | undefined> {
  const { endpointUrl, region, caBundle, insecure } = config
  if (endpointUrl !== undefined && config.osCloud !== undefined) {
    throw new ConfigError(
      '--endpoint-url and --os-cloud exclude each other',
      'clouds.yaml has the address',
    )
  }
  checkAuthorities(caBundle)
  const address = env['ST_USER'] === undefined ? 'OS_AUTH_URL' : 'ST_AUTH'
  return {
    [address]: endpointUrl,
    OS_REGION_NAME: region,
    OS_CACERT: caBundle,
    OS_INSECURE: insecure === true ? 'true' : undefined,
  }
}

/** A request without progress is given up well before a reader's deadline, so that others have a chance, ms. */
function stallLimit(config: StoreConfig): number {
  return Math.max(1000, config.readTimeout / 4)
}

/** A file without certificates would be taken in silence, and then every server refused. Throws ConfigError. */
function checkAuthorities(path: string | undefined): void {
  if (!path || readText(path)?.includes('-----BEGIN ')) return
  throw new ConfigError(
    `--ca-bundle: ${path} ${readText(path) === undefined ? 'cannot be read' : 'has no certificate in it'}`,
    'Give a file with the certificates of the authorities to trust, in PEM form',
  )
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** A property that is there only if it has a value (exactOptionalPropertyTypes). */
function given<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V }
}
