/**
 * The options of `pailfs mount`: what each is called, what it sets, and what the help says. How they are
 * read is in `options.ts`, what they mean in `mount/config.ts`.
 */
import { DEFAULTS } from '../mount/config.ts'
import type { ConfigInput } from '../mount/config.ts'
import { formatDuration, formatSize } from './units.ts'

type Kind = 'size' | 'duration' | 'mode' | 'count' | 'text' | 'flag'

export interface OptionSpec {
  readonly name: string
  /** What it sets. A flag named `no-…` sets it to false, unless `sets` says otherwise. */
  readonly key: keyof ConfigInput
  readonly sets?: boolean
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
    name: 'no-verify-ssl',
    key: 'insecure',
    kind: 'flag',
    sets: true,
    group: STORE,
    describe: 'Take any certificate: for tests only',
  },
  {
    name: 'sse',
    key: 'encryption',
    kind: 'text',
    group: STORE,
    describe: 'Server-side encryption: AES256, aws:kms',
  },
  {
    name: 'sse-kms-key-id',
    key: 'encryptionKey',
    kind: 'text',
    group: STORE,
    describe: 'Key for aws:kms',
  },
  {
    name: 'request-payer',
    key: 'requesterPays',
    kind: 'flag',
    group: STORE,
    describe: 'Pay for requests to buckets that ask for it',
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
    name: 'fuse',
    key: 'fuse',
    kind: 'text',
    group: KERNEL,
    describe: 'How the kernel is spoken to: through libfuse 2, or directly (root only)',
    choices: ['auto', 'native', 'direct'],
    standard: DEFAULTS.fuse,
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
