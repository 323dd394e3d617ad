/**
 * Opens a Swift account or a container of it: the one place that builds the adapter's parts together.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Clock, Log, Random } from '../../core/ports.ts'
import { silentLog } from '../../core/ports.ts'
import { Hasher } from '../hasher.ts'
import type { Body } from '../store.ts'
import { SwiftClient } from './client.ts'
import type { SwiftConfig } from './config.ts'
import { capabilitiesOf } from './features.ts'
import { SwiftService } from './service.ts'
import { Session } from './session.ts'
import { SwiftStore } from './swift-store.ts'
import { Transport } from './transport.ts'

export interface SwiftOpenOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log?: Log
  /** Most connections. Default 32. */
  readonly maxSockets?: number
  /** Milliseconds without progress before a request fails. */
  readonly timeout?: number
  readonly showSegments?: boolean
}

/** The account, authenticated. Rejects as `Session.access` does. Closing it closes all stores opened from it. */
export async function openSwiftService(
  config: SwiftConfig,
  options: SwiftOpenOptions,
): Promise<SwiftService> {
  const { client, close, parts } = await connect(config, options)
  return new SwiftService({
    client,
    capabilities: parts.capabilities,
    now: () => options.clock.now(),
    openContainer: name =>
      Promise.resolve(new SwiftStore({ ...parts, container: name, close: () => {} })),
    ...(options.showSegments === undefined ? {} : { showSegments: options.showSegments }),
    close,
  })
}

/** One container, authenticated; that it is there is for `probe` to find. */
export async function openSwiftStore(
  config: SwiftConfig,
  container: string,
  options: SwiftOpenOptions,
): Promise<SwiftStore> {
  const { close, parts } = await connect(config, options)
  return new SwiftStore({ ...parts, container, close })
}

async function connect(config: SwiftConfig, options: SwiftOpenOptions) {
  const { clock, random, log = silentLog } = options
  const transport = new Transport({
    tls: {
      ...(config.caFile === undefined ? {} : { ca: readFileSync(config.caFile) }),
      ...(config.verify ? {} : { rejectUnauthorized: false }),
    },
    ...(options.maxSockets === undefined ? {} : { maxSockets: options.maxSockets }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  })
  const hasher = new Hasher()
  const close = (): void => {
    transport.close()
    hasher.close()
  }
  const md5 = async (body: Body): Promise<string> =>
    (await hasher.digest('md5', body)).toString('hex')
  try {
    const client = new SwiftClient(new Session(config, transport, clock), transport)
    const { storageUrl } = await client.session.access()
    const capabilities = capabilitiesOf(await client.info())
    const parts = {
      client,
      storageUrl,
      capabilities,
      clock,
      random,
      log,
      md5,
      newKey: newSecret,
    }
    return { client, close, parts }
  } catch (error) {
    close()
    throw error
  }
}

function newSecret(): string {
  return randomBytes(24).toString('hex')
}
