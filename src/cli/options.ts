/**
 * The options of `pailfs mount`, in one table: each can be given as `--name`, as `-o name` (mount(8) style,
 * `_` or `-`), or in the environment as `PAILFS_NAME`; the command line wins over `-o`, `-o` over the
 * environment.
 */
import type { Options } from 'yargs'
import { DEFAULTS } from '../mount/config.ts'
import type { ConfigInput } from '../mount/config.ts'
import { UsageError } from './errors.ts'
import {
  UnitError,
  formatDuration,
  formatSize,
  parseCount,
  parseDuration,
  parseFlag,
  parseMode,
  parseSize,
} from './units.ts'

type Kind = 'size' | 'duration' | 'mode' | 'count' | 'text' | 'flag'

export interface OptionSpec {
  readonly name: string
  /** What it sets. A flag named `no-…` sets it to false. */
  readonly key: keyof ConfigInput
  readonly kind: Kind
  readonly group: string
  readonly describe: string
  readonly choices?: readonly string[]
  /** Shown in the help. */
  readonly standard?: string
}

const STORE = 'Bucket:'
const DATA = 'Data and caches:'
const FILES = 'Files:'
const KERNEL = 'Mount:'
const LOG = 'Log:'

export const MOUNT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'endpoint-url',
    key: 'endpointUrl',
    kind: 'text',
    group: STORE,
    describe: 'Address of the service, for other servers than AWS',
  },
  { name: 'region', key: 'region', kind: 'text', group: STORE, describe: 'Region of the bucket' },
  {
    name: 'profile',
    key: 'profile',
    kind: 'text',
    group: STORE,
    describe: 'Profile in the AWS configuration files',
  },
  {
    name: 'path-style',
    key: 'pathStyle',
    kind: 'flag',
    group: STORE,
    describe: 'The bucket in the path, not in the host name',
  },
  {
    name: 'no-path-style',
    key: 'pathStyle',
    kind: 'flag',
    group: STORE,
    describe: 'The bucket in the host name',
  },
  {
    name: 'no-sign-request',
    key: 'signRequest',
    kind: 'flag',
    group: STORE,
    describe: 'No credentials: for public buckets',
  },
  {
    name: 'ca-bundle',
    key: 'caBundle',
    kind: 'text',
    group: STORE,
    describe: 'File of certificates to trust (PEM)',
  },
  {
    name: 'os-cloud',
    key: 'osCloud',
    kind: 'text',
    group: STORE,
    describe: 'Entry of clouds.yaml, for swift://',
  },
  {
    name: 'acl',
    key: 'acl',
    kind: 'text',
    group: STORE,
    describe: 'Access rule for what is written',
    choices: ['private', 'public-read', 'public-read-write', 'authenticated-read'],
  },
  {
    name: 'storage-class',
    key: 'storageClass',
    kind: 'text',
    group: STORE,
    describe: 'Storage class for what is written',
  },
  {
    name: 'max-connections',
    key: 'maxConnections',
    kind: 'count',
    group: STORE,
    describe: 'Most connections at a time',
    standard: String(DEFAULTS.maxConnections),
  },
  {
    name: 'read-timeout',
    key: 'readTimeout',
    kind: 'duration',
    group: STORE,
    describe: 'How long a read waits for a stalled server',
    standard: formatDuration(DEFAULTS.readTimeout),
  },
  {
    name: 'metadata-ttl',
    key: 'metadataTtl',
    kind: 'duration',
    group: DATA,
    describe: 'How old listings and attributes may be',
    standard: formatDuration(DEFAULTS.metadataTtl),
  },
  {
    name: 'write-back',
    key: 'writeBack',
    kind: 'duration',
    group: DATA,
    describe: 'Rest of a closed file before it is sent; 0: close waits',
    standard: formatDuration(DEFAULTS.writeBack),
  },
  {
    name: 'fsync',
    key: 'fsync',
    kind: 'text',
    group: DATA,
    describe: 'What fsync waits for',
    choices: ['bucket', 'journal'],
    standard: DEFAULTS.fsync,
  },
  {
    name: 'cache-size',
    key: 'cacheSize',
    kind: 'size',
    group: DATA,
    describe: 'Memory for data read',
    standard: formatSize(DEFAULTS.cacheSize),
  },
  {
    name: 'staging-limit',
    key: 'stagingLimit',
    kind: 'size',
    group: DATA,
    describe: 'Disk for data not in the bucket yet',
    standard: formatSize(DEFAULTS.stagingLimit),
  },
  {
    name: 'state-dir',
    key: 'stateDir',
    kind: 'text',
    group: DATA,
    describe: 'Folder of the journal',
    standard: '~/.local/state/pailfs',
  },
  {
    name: 'staging-dir',
    key: 'stagingDir',
    kind: 'text',
    group: DATA,
    describe: 'Folder of staged data',
    standard: 'in the state folder',
  },
  {
    name: 'part-size',
    key: 'partSize',
    kind: 'size',
    group: DATA,
    describe: 'Size of the parts of large objects',
    standard: formatSize(DEFAULTS.partSize),
  },
  {
    name: 'drain-timeout',
    key: 'drainTimeout',
    kind: 'duration',
    group: DATA,
    describe: 'How long an ending mount goes on sending',
    standard: formatDuration(DEFAULTS.drainTimeout),
  },
  {
    name: 'attributes',
    key: 'attributes',
    kind: 'text',
    group: FILES,
    describe: 'Modes, owners and times of each object, or what listings tell',
    choices: ['all', 'listing'],
    standard: DEFAULTS.attributes,
  },
  {
    name: 'uid',
    key: 'uid',
    kind: 'count',
    group: FILES,
    describe: 'Owner of what has none in the bucket',
    standard: 'you',
  },
  {
    name: 'gid',
    key: 'gid',
    kind: 'count',
    group: FILES,
    describe: 'Group of what has none in the bucket',
    standard: 'yours',
  },
  {
    name: 'file-mode',
    key: 'fileMode',
    kind: 'mode',
    group: FILES,
    describe: 'Mode of files without one',
    standard: '0644',
  },
  {
    name: 'dir-mode',
    key: 'dirMode',
    kind: 'mode',
    group: FILES,
    describe: 'Mode of directories without one',
    standard: '0755',
  },
  {
    name: 'no-xattr',
    key: 'xattr',
    kind: 'flag',
    group: FILES,
    describe: 'No extended attributes: faster small writes',
  },
  {
    name: 'read-only',
    key: 'readOnly',
    kind: 'flag',
    group: KERNEL,
    describe: 'Nothing can be changed (also -o ro)',
  },
  {
    name: 'allow-other',
    key: 'allowOther',
    kind: 'flag',
    group: KERNEL,
    describe: 'Other users may enter',
  },
  {
    name: 'nonempty',
    key: 'nonempty',
    kind: 'flag',
    group: KERNEL,
    describe: 'The directory need not be empty',
  },
  {
    name: 'attr-timeout',
    key: 'attrTimeout',
    kind: 'duration',
    group: KERNEL,
    describe: 'How long the kernel trusts attributes',
    standard: '0',
  },
  {
    name: 'entry-timeout',
    key: 'entryTimeout',
    kind: 'duration',
    group: KERNEL,
    describe: 'How long the kernel trusts names',
    standard: formatDuration(DEFAULTS.entryTimeout),
  },
  {
    name: 'max-background',
    key: 'maxBackground',
    kind: 'count',
    group: KERNEL,
    describe: 'Read-ahead requests of the kernel at a time',
    standard: String(DEFAULTS.maxBackground),
  },
  {
    name: 'log-file',
    key: 'logFile',
    kind: 'text',
    group: LOG,
    describe: 'File of the log',
    standard: 'in the state folder',
  },
  {
    name: 'log-level',
    key: 'logLevel',
    kind: 'text',
    group: LOG,
    describe: 'Least that is logged',
    choices: ['debug', 'info', 'warn', 'error'],
    standard: DEFAULTS.logLevel,
  },
  {
    name: 'log-format',
    key: 'logFormat',
    kind: 'text',
    group: LOG,
    describe: 'Form of the log',
    choices: ['text', 'json', 'journal'],
    standard: DEFAULTS.logFormat,
  },
]

const BY_NAME = new Map(MOUNT_OPTIONS.map(option => [option.name, option]))

export function findOption(name: string): OptionSpec | undefined {
  return BY_NAME.get(name)
}

/** The table as yargs wants it. Values stay text here: `readOptions` parses them, wherever they came from. */
export function yargsOptions(): Record<string, Options> {
  return Object.fromEntries(
    MOUNT_OPTIONS.map(option => [
      option.name,
      {
        type: option.kind === 'flag' ? 'boolean' : 'string',
        group: option.group,
        describe: option.describe,
        ...(option.standard === undefined ? {} : { defaultDescription: option.standard }),
        ...(option.choices === undefined ? {} : { choices: option.choices }),
        ...(option.kind === 'flag' ? {} : { requiresArg: true }),
      } satisfies Options,
    ]),
  )
}

export interface OptionSources {
  /** As yargs has them. */
  readonly line: Readonly<Record<string, unknown>>
  /** From `-o`, by the long option's name. */
  readonly dashO: ReadonlyMap<string, string>
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The values of all options given anywhere. Throws UsageError naming the option and the place. */
export function readOptions(sources: OptionSources): Partial<ConfigInput> {
  const values: Record<string, unknown> = {}
  const places = [
    { label: (name: string) => variable(name), get: (name: string) => sources.env[variable(name)] },
    { label: (name: string) => `-o ${name}`, get: (name: string) => sources.dashO.get(name) },
    { label: (name: string) => `--${name}`, get: (name: string) => textOf(sources.line[name]) },
  ]
  // The later place wins; within one place `no-…` and its opposite exclude each other.
  for (const place of places) {
    const here = new Map<string, string>()
    for (const option of MOUNT_OPTIONS) {
      const text = place.get(option.name)
      if (text === undefined) continue
      const other = here.get(option.key)
      if (other !== undefined) {
        throw new UsageError(
          `${place.label(option.name)} and ${place.label(other)} exclude each other`,
        )
      }
      here.set(option.key, option.name)
      values[option.key] = parseOption(option, text, place.label(option.name))
    }
  }
  return values
}

function variable(name: string): string {
  return `PAILFS_${name.toUpperCase().replaceAll('-', '_')}`
}

function textOf(value: unknown): string | undefined {
  const last: unknown = Array.isArray(value) ? value.at(-1) : value
  return last === undefined ? undefined : String(last)
}

function parseOption(option: OptionSpec, text: string, label: string): unknown {
  try {
    if (option.kind === 'flag') return parseFlag(text) !== option.name.startsWith('no-')
    if (option.kind === 'text') return parseText(option, text)
    return PARSERS[option.kind](text)
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`${label}: ${error.message}`)
    throw error
  }
}

const PARSERS = {
  size: parseSize,
  duration: parseDuration,
  mode: parseMode,
  count: parseCount,
} as const

function parseText(option: OptionSpec, text: string): string {
  if (text === '') throw new UnitError('a value is missing')
  if (option.choices && !option.choices.includes(text)) {
    throw new UnitError(`"${text}" is not one of ${option.choices.join(', ')}`)
  }
  return text
}
