/** From a Config to the store it names. Adapters are loaded when they are needed: the SDK is large. */
import { homedir } from 'node:os'
import { readFileSync } from 'node:fs'
import type { Clock, Log } from '../core/ports.ts'
import type { ObjectStore } from '../store/store.ts'
import { ConfigError, type Config } from './config.ts'

export interface StorePorts {
  readonly clock: Clock
  readonly log: Log
}

/** The bucket's store, without prefix and retries. Rejects with StoreError or ConfigError. */
export async function openStore(config: Config, ports: StorePorts): Promise<ObjectStore> {
  switch (config.source.family) {
    case 's3':
      return openS3(config, ports)
    case 'swift':
      return openSwift(config, ports)
    case 'memory': {
      const { MemoryStore } = await import('../store/memory/memory-store.ts')
      return new MemoryStore({ clock: ports.clock, random: Math.random })
    }
    default:
      throw new ConfigError(`${config.source.text} is of no known family`)
  }
}

/** A read that makes no progress is given up and asked again well before its deadline. */
function stallLimit(config: Config): number {
  return Math.max(1000, config.store.readTimeout / 2)
}

async function openS3({ source, store, ...config }: Config, ports: StorePorts): Promise<ObjectStore> {
  const { openS3Bucket } = await import('../store/s3/open.ts')
  const { endpointUrl, region, profile, pathStyle, caBundle, acl, storageClass } = store
  return openS3Bucket(
    source.bucket,
    {
      maxSockets: store.maxConnections,
      timeout: stallLimit({ source, store, ...config }),
      ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
      ...(region === undefined ? {} : { region }),
      ...(profile === undefined ? {} : { profile }),
      ...(pathStyle === undefined ? {} : { pathStyle }),
      ...(store.signRequest ? {} : { anonymous: true }),
      ...(caBundle === undefined ? {} : { caBundle }),
      ...(acl === undefined ? {} : { acl }),
      ...(storageClass === undefined ? {} : { storageClass }),
    },
    ports,
  )
}

async function openSwift(config: Config, ports: StorePorts): Promise<ObjectStore> {
  const { openSwiftStore } = await import('../store/swift/open.ts')
  const { resolveConfig } = await import('../store/swift/config.ts')
  const { osCloud, region } = config.store
  const resolved = resolveConfig({
    env: process.env,
    home: homedir(),
    readFile: readIfThere,
    ...(osCloud === undefined ? {} : { cloud: osCloud }),
    ...(region === undefined ? {} : { options: { OS_REGION_NAME: region } }),
  })
  return openSwiftStore(resolved, config.source.bucket, {
    ...ports,
    random: Math.random,
    maxSockets: config.store.maxConnections,
    timeout: stallLimit(config),
  })
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
