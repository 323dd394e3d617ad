/**
 * The one configuration of a mount: validated, complete, frozen. Bytes and milliseconds throughout; units
 * and the spelling of options are the command line's business.
 */
import type { Bytes, CannedAcl, Milliseconds } from '../core/types.ts'
import type { LogLevel } from '../core/ports.ts'
import type { LogFormat } from '../observe/log.ts'
import type { MountFlag } from '../fuse/link.ts'

export type { MountFlag } from '../fuse/link.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** Something that the user gave cannot be used: what, where, and what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

export type Family = 's3' | 'swift' | 'memory'

/** What is mounted. `bucket` is '' for all of an account's; `prefix` is '' or ends with a slash. */
export interface MountSource {
  readonly family: Family
  readonly bucket: string
  readonly prefix: string
  /** As shown to people: `s3://bucket/prefix`. */
  readonly text: string
}

/** How the bucket is reached. Secrets are not here: the adapters take them from the environment or files. */
export interface StoreConfig {
  readonly endpointUrl?: string
  readonly region?: string
  readonly profile?: string
  /** Undefined: decided by the endpoint. */
  readonly pathStyle?: boolean
  /** False: requests without a signature, for public buckets. */
  readonly signRequest: boolean
  /** A PEM file of certificates to trust. */
  readonly caBundle?: string
  /** True: any certificate is taken. */
  readonly insecure?: boolean
  /** Server-side encryption of what is written, and its key's id. */
  readonly encryption?: string
  readonly encryptionKey?: string
  readonly requesterPays?: boolean
  /** An entry of clouds.yaml (Swift). */
  readonly osCloud?: string
  readonly maxConnections: number
  /** How long a read may fail to make progress before the program gets ETIMEDOUT. */
  readonly readTimeout: Milliseconds
  readonly acl?: CannedAcl
  readonly storageClass?: string
}

/** Who owns what has no owner of its own in the bucket, and with which permission bits. */
export interface OwnerConfig {
  readonly uid: number
  readonly gid: number
  readonly fileMode: number
  readonly dirMode: number
}

/** How the kernel is spoken to: through libfuse 2, by ourselves (root only), or as the mount sees fit. */
export type FuseKind = 'auto' | 'native' | 'direct'

export interface KernelConfig {
  readonly fuse: FuseKind
  readonly allowOther: boolean
  readonly nonEmpty: boolean
  readonly flags: readonly MountFlag[]
  readonly xattr: boolean
  readonly attrTimeout: Milliseconds
  readonly entryTimeout: Milliseconds
  readonly maxBackground: number
}

export interface LogConfig {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Undefined: stderr in the foreground, a file in the state folder in the background. */
  readonly file?: string
}

export interface Config {
  readonly source: MountSource
  /** Absolute. */
  readonly mountPoint: string
  readonly readOnly: boolean
  readonly store: StoreConfig
  /** How old listings and attributes may be. */
  readonly metadataTtl: Milliseconds
  /** How long a closed file rests before it is sent; 0: close waits for the bucket. */
  readonly writeBack: Milliseconds
  readonly fsync: 'bucket' | 'journal'
  /** Pages kept in memory. */
  readonly cacheSize: Bytes
  /** Local disk for data that is not in the bucket yet. */
  readonly stagingLimit: Bytes
  /** Journal, staged files and metadata cache; undefined: in the user's state folder. */
  readonly stateDir?: string
  readonly partSize: Bytes
  readonly attributes: 'all' | 'listing'
  readonly owner: OwnerConfig
  readonly kernel: KernelConfig
  readonly log: LogConfig
  /** How long the daemon goes on sending when it is told to stop. What is left stays in the journal. */
  readonly drainTimeout: Milliseconds
}

/** What a person may leave out; every value has its final unit. */
export interface ConfigInput {
  readonly source: string
  readonly mountPoint: string
  readonly readOnly?: boolean | undefined
  readonly endpointUrl?: string | undefined
  readonly region?: string | undefined
  readonly profile?: string | undefined
  readonly pathStyle?: boolean | undefined
  readonly signRequest?: boolean | undefined
  readonly caBundle?: string | undefined
  readonly insecure?: boolean | undefined
  readonly encryption?: string | undefined
  readonly encryptionKey?: string | undefined
  readonly requesterPays?: boolean | undefined
  readonly osCloud?: string | undefined
  readonly maxConnections?: number | undefined
  readonly readTimeout?: Milliseconds | undefined
  readonly acl?: CannedAcl | undefined
  readonly storageClass?: string | undefined
  readonly metadataTtl?: Milliseconds | undefined
  readonly writeBack?: Milliseconds | undefined
  readonly fsync?: 'bucket' | 'journal' | undefined
  readonly cacheSize?: Bytes | undefined
  readonly stagingLimit?: Bytes | undefined
  readonly stateDir?: string | undefined
  readonly partSize?: Bytes | undefined
  readonly attributes?: 'all' | 'listing' | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly fileMode?: number | undefined
  readonly dirMode?: number | undefined
  readonly allowOther?: boolean | undefined
  readonly nonempty?: boolean | undefined
  readonly xattr?: boolean | undefined
  readonly attrTimeout?: Milliseconds | undefined
  readonly entryTimeout?: Milliseconds | undefined
  readonly maxBackground?: number | undefined
  readonly fuse?: FuseKind | undefined
  readonly flags?: readonly MountFlag[] | undefined
  readonly logLevel?: LogLevel | undefined
  readonly logFormat?: LogFormat | undefined
  readonly logFile?: string | undefined
  readonly drainTimeout?: Milliseconds | undefined
}

/** What holds when nothing is said. The command line shows these in its help. */
export const DEFAULTS = {
  maxConnections: 32,
  readTimeout: 60_000,
  metadataTtl: 60_000,
  writeBack: 1000,
  fsync: 'bucket',
  cacheSize: 256 * MiB,
  stagingLimit: 10 * GiB,
  partSize: 8 * MiB,
  attributes: 'all',
  fileMode: 0o644,
  dirMode: 0o755,
  attrTimeout: 0,
  entryTimeout: 1000,
  maxBackground: 64,
  fuse: 'auto',
  logLevel: 'info',
  logFormat: 'text',
  drainTimeout: 300_000,
} as const

/** Throws ConfigError. `process` gives the owner's numbers where none are given. */
export function createConfig(input: ConfigInput, process: { uid: number; gid: number }): Config {
  const source = parseSource(input.source)
  const metadataTtl = input.metadataTtl ?? DEFAULTS.metadataTtl
  const config: Config = {
    source,
    mountPoint: input.mountPoint,
    readOnly: input.readOnly ?? false,
    store: storeConfig(input, source),
    metadataTtl,
    writeBack: input.writeBack ?? DEFAULTS.writeBack,
    fsync: input.fsync ?? DEFAULTS.fsync,
    cacheSize: within('cache-size', input.cacheSize ?? DEFAULTS.cacheSize, 8 * MiB, 2 ** 46),
    stagingLimit: within(
      'staging-limit',
      input.stagingLimit ?? DEFAULTS.stagingLimit,
      MiB,
      2 ** 50,
    ),
    ...optional({ stateDir: input.stateDir }),
    partSize: within('part-size', input.partSize ?? DEFAULTS.partSize, 5 * MiB, 5 * GiB),
    attributes: input.attributes ?? DEFAULTS.attributes,
    owner: {
      uid: within('uid', input.uid ?? process.uid, 0, 2 ** 32 - 2),
      gid: within('gid', input.gid ?? process.gid, 0, 2 ** 32 - 2),
      fileMode: input.fileMode ?? DEFAULTS.fileMode,
      dirMode: input.dirMode ?? DEFAULTS.dirMode,
    },
    kernel: kernelConfig(input, metadataTtl),
    log: {
      level: input.logLevel ?? DEFAULTS.logLevel,
      format: input.logFormat ?? DEFAULTS.logFormat,
      ...optional({ file: input.logFile }),
    },
    drainTimeout: input.drainTimeout ?? DEFAULTS.drainTimeout,
  }
  return deepFreeze(config)
}

function storeConfig(input: ConfigInput, source: MountSource): StoreConfig {
  if (input.endpointUrl !== undefined) checkUrl(input.endpointUrl)
  if (input.profile !== undefined && input.signRequest === false) {
    throw new ConfigError(
      '--profile and --no-sign-request exclude each other',
      'Leave one of them out',
    )
  }
  if (input.osCloud !== undefined && source.family !== 'swift') {
    throw new ConfigError(`--os-cloud means nothing for ${source.text}`, 'It is for swift://')
  }
  if (source.family !== 's3') {
    for (const name of S3_ONLY) {
      if (input[name] === undefined) continue
      throw new ConfigError(`${OPTION_NAME[name]} means nothing for ${source.text}`, 'Leave it out')
    }
  }
  return {
    signRequest: input.signRequest ?? true,
    maxConnections: within(
      'max-connections',
      input.maxConnections ?? DEFAULTS.maxConnections,
      1,
      4096,
    ),
    readTimeout: within('read-timeout', input.readTimeout ?? DEFAULTS.readTimeout, 1000, 240_000),
    ...optional({
      endpointUrl: input.endpointUrl,
      region: input.region,
      profile: input.profile,
      pathStyle: input.pathStyle,
      caBundle: input.caBundle,
      insecure: input.insecure,
      encryption: input.encryption,
      encryptionKey: input.encryptionKey,
      requesterPays: input.requesterPays,
      osCloud: input.osCloud,
      acl: input.acl,
      storageClass: input.storageClass,
    }),
  }
}

const OPTION_NAME = {
  acl: '--acl',
  profile: '--profile',
  pathStyle: '--path-style',
  storageClass: '--storage-class',
  encryption: '--sse',
  encryptionKey: '--sse-kms-key-id',
  requesterPays: '--request-payer',
} as const

const S3_ONLY = Object.keys(OPTION_NAME) as (keyof typeof OPTION_NAME)[]

function kernelConfig(input: ConfigInput, metadataTtl: Milliseconds): KernelConfig {
  return {
    fuse: input.fuse ?? DEFAULTS.fuse,
    allowOther: input.allowOther ?? false,
    nonEmpty: input.nonempty ?? false,
    flags: input.flags ?? [],
    xattr: input.xattr ?? true,
    attrTimeout: input.attrTimeout ?? DEFAULTS.attrTimeout,
    // The kernel must not keep names longer than the user allows listings to be old.
    entryTimeout: input.entryTimeout ?? Math.min(DEFAULTS.entryTimeout, metadataTtl),
    maxBackground: within('max-background', input.maxBackground ?? DEFAULTS.maxBackground, 1, 1024),
  }
}

const SOURCE = /^(s3|swift|memory):\/\/([^/]+)(?:\/(.*))?$/s

/** `s3://BUCKET[/PREFIX]`, `swift://CONTAINER[/PREFIX]`; `s3:` and `swift:` for all buckets. Throws ConfigError. */
export function parseSource(text: string): MountSource {
  const all = /^(s3|swift|memory):$/.exec(text)?.[1]
  if (all !== undefined) return { family: all as Family, bucket: '', prefix: '', text: `${all}:` }
  const match = SOURCE.exec(text)
  if (!match) {
    throw new ConfigError(
      `"${text}" is not a bucket`,
      'Write s3://BUCKET, s3://BUCKET/PREFIX or swift://CONTAINER[/PREFIX]; s3: or swift: for all',
    )
  }
  const [, family, bucket, rest = ''] = match
  if (rest.startsWith('/') || rest.includes('//')) {
    throw new ConfigError(
      `the prefix of "${text}" has an empty part`,
      'Leave out the doubled slash',
    )
  }
  const prefix = rest === '' || rest.endsWith('/') ? rest : `${rest}/`
  const shown = prefix === '' ? '' : `/${prefix.slice(0, -1)}`
  return {
    family: family as Family,
    bucket: bucket ?? '',
    prefix,
    text: `${family}://${bucket}${shown}`,
  }
}

function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      `--endpoint-url: "${text}" is not an address`,
      'Write it as https://HOST or http://HOST:PORT',
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError(
      '--endpoint-url holds a user name or a password',
      'Give credentials by the environment or a profile, never in an address',
    )
  }
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isFinite(value) && value >= least && value <= most) return value
  throw new ConfigError(
    `--${name}: ${value} is out of range`,
    `It must be from ${least} to ${most}`,
  )
}

/** Without the undefined ones: an absent property and an undefined one are not the same (exactOptionalPropertyTypes). */
function optional<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object)
  }
  return Object.freeze(value)
}
