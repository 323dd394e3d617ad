/**
 * `-o` as mount(8) and fstab(5) have it: `name[=value]`, separated by commas (`\,` for a comma in a value).
 * What only mount(8) itself understands is passed over.
 */
import type { MountFlag } from '../mount/config.ts'
import { UsageError } from './errors.ts'
import { MOUNT_OPTIONS } from './option-table.ts'
import { findOption } from './options.ts'

export interface DashO {
  /** By the long option's name. */
  readonly values: ReadonlyMap<string, string>
  readonly flags: readonly MountFlag[]
}

const FLAGS: ReadonlySet<string> = new Set<MountFlag>([
  'noexec',
  'nosuid',
  'nodev',
  'noatime',
  'sync',
])

/** Of no meaning to us, but common in fstab, or the default anyway. */
const IGNORED: ReadonlySet<string> = new Set([
  '_netdev', '_rnetdev', 'auto', 'noauto', 'user', 'nouser', 'users', 'owner', 'group', 'nofail', 'defaults',
  'rw', 'async', 'dev', 'suid', 'exec', 'atime', 'relatime', 'norelatime', 'strictatime', 'nostrictatime',
  'diratime', 'nodiratime', 'lazytime', 'nolazytime', 'dirsync', 'silent', 'loud', 'iversion', 'noiversion',
  'comment', 'default-permissions', 'fsname', 'subtype',
]) // prettier-ignore

const SHORT: ReadonlyMap<string, string> = new Map([
  ['ro', 'read-only'],
  ['fmode', 'file-mode'],
  ['dmode', 'dir-mode'],
])

/** Throws UsageError for an option that nobody knows. */
export function parseDashO(texts: readonly string[]): DashO {
  const values = new Map<string, string>()
  const flags: MountFlag[] = []
  for (const item of texts.flatMap(split)) {
    const equals = item.indexOf('=')
    const given = equals < 0 ? item : item.slice(0, equals)
    const name = given.replaceAll('_', '-')
    if (item === '' || IGNORED.has(given) || IGNORED.has(name) || /^x-/i.test(name)) continue
    if (FLAGS.has(name)) flags.push(name as MountFlag)
    else
      set(values, SHORT.get(name) ?? name, equals < 0 ? undefined : item.slice(equals + 1), given)
  }
  return { values, flags }
}

function set(
  values: Map<string, string>,
  name: string,
  value: string | undefined,
  given: string,
): void {
  const option = findOption(name)
  if (!option) {
    const near = MOUNT_OPTIONS.find(
      ({ name: known }) => known.startsWith(name) || name.startsWith(known),
    )
    const hint = near ? `Did you mean ${near.name}?` : 'pailfs mount --help lists them all'
    throw new UsageError(`-o ${given}: no such option`, hint)
  }
  if (value === undefined && option.kind !== 'flag') {
    throw new UsageError(`-o ${given}: a value is missing`, `Write -o ${given}=VALUE`)
  }
  values.set(name, value ?? '')
}

function split(text: string): string[] {
  const items = text.match(/(?:\\.|[^,\\])+/gs) ?? []
  return items.map(item => item.replaceAll(/\\(.)/gs, '$1').trim())
}
