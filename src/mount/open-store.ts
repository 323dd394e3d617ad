/**
 * From the configuration to the store: which adapter, with what. Adapters are loaded only when they are
 * needed (an SDK takes 0.3 s), and secrets stay where they are: the adapters read them from the environment
 * and the usual files.
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import type { Clock, Log, Random } from '../core/ports.ts'
import { withPrefix } from '../store/prefix.ts'
import type { ObjectStore } from '../store/store.ts'
import { ConfigError } from './config.ts'
import type { MountSource, StoreConfig } from './config.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface StorePorts {
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly env: Environment
}

/**
 * One attempt a call, seen below the source's prefix. That the bucket is there is for `probe` to find.
 * Rejects with StoreError or ConfigError.
 */
export async function openStore(
  source: MountSource,
  config: StoreConfig,
  ports: StorePorts,
): Promise<ObjectStore> {
  const open = { s3: openS3, swift: openSwift, memory: openMemory }[source.family]
  return withPrefix(await open(source.bucket, config, ports), source.prefix)
}

async function openS3(
  bucket: string,
  config: StoreConfig,
  ports: StorePorts,
): Promise<ObjectStore> {
  const { openS3Bucket } = await import('../store/s3/open.ts')
  const { log, clock, env } = ports
  return openS3Bucket(
    bucket,
    {
      anonymous: !config.signRequest,
      maxSockets: config.maxConnections,
      timeout: stallLimit(config),
      ...given('endpoint', config.endpointUrl),
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
    },
    { log, clock, env },
  )
}

async function openSwift(
  container: string,
  config: StoreConfig,
  ports: StorePorts,
): Promise<ObjectStore> {
  const { resolveConfig } = await import('../store/swift/config.ts')
  const { openSwiftStore } = await import('../store/swift/open.ts')
  const { log, clock, random, env } = ports
  const swift = resolveConfig({
    env,
    home: homedir(),
    readFile: readText,
    options: swiftOptions(config, env),
    ...given('cloud', config.osCloud),
  })
  return openSwiftStore(swift, container, {
    clock,
    random,
    log,
    maxSockets: config.maxConnections,
    timeout: stallLimit(config),
  })
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
  const address = env['ST_USER'] === undefined ? 'OS_AUTH_URL' : 'ST_AUTH'
  return {
    [address]: endpointUrl,
    OS_REGION_NAME: region,
    OS_CACERT: caBundle,
    OS_INSECURE: insecure === true ? 'true' : undefined,
  }
}

/** A request without progress is given up well before a reader's deadline, ms. */
function stallLimit(config: StoreConfig): number {
  return Math.max(1000, config.readTimeout / 2)
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
