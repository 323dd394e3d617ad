/**
 * clouds.yaml: the clouds of a person, as python-openstackclient and openstacksdk keep them.
 * Searched in ./, ~/.config/openstack/ and /etc/openstack/ (and where OS_CLIENT_CONFIG_FILE says); secure.yaml
 * beside it adds secrets, clouds-public.yaml gives what a `profile` (or `cloud`) names. The cloud wins over its
 * profile, secure.yaml over both. https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
 */
import { parse } from 'yaml'
import { StoreError } from '../../core/errors.ts'

/** The text of a file, or undefined where there is none. */
export type FileReader = (path: string) => string | undefined

export interface CloudSources {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile: FileReader
  readonly home: string
}

/** One cloud, merged. Numbers have become text. */
export interface Cloud {
  readonly name?: string
  /** Where it was found. */
  readonly file?: string
  readonly auth: Readonly<Record<string, string>>
  readonly auth_type?: string | undefined
  readonly region_name?: string | undefined
  readonly interface?: string | undefined
  readonly identity_api_version?: string | undefined
  readonly verify?: boolean | undefined
  readonly cacert?: string | undefined
  readonly object_store_endpoint_override?: string | undefined
}

type Tree = Record<string, unknown>

/** The named cloud. Throws StoreError `denied` with the places that were searched. */
export function loadCloud(name: string, sources: CloudSources): Cloud {
  const clouds = find('clouds', sources)
  if (clouds === undefined) {
    throw trouble(
      `no clouds.yaml for cloud ${name}`,
      `searched ${places('clouds', sources).join(', ')}`,
    )
  }
  const entry = treeAt(treeAt(clouds.tree, 'clouds'), name)
  if (entry === undefined) {
    const known = Object.keys(treeAt(clouds.tree, 'clouds') ?? {}).join(', ') || 'none'
    throw trouble(`cloud ${name} is not in ${clouds.file}`, `there are: ${known}`)
  }
  const profile = profileOf(entry, sources)
  const secure = treeAt(treeAt(find('secure', sources)?.tree, 'clouds'), name)
  return toCloud(mergeTrees(profile ?? {}, entry, secure ?? {}), name, clouds.file)
}

/** Later trees win, key by key, at every depth. */
export function mergeTrees(...trees: readonly Tree[]): Tree {
  const result: Tree = {}
  for (const tree of trees) {
    for (const [key, value] of Object.entries(tree)) {
      const old = result[key]
      result[key] = isTree(old) && isTree(value) ? mergeTrees(old, value) : value
    }
  }
  return result
}

function profileOf(entry: Tree, sources: CloudSources): Tree | undefined {
  const name = entry['profile'] ?? entry['cloud']
  if (typeof name !== 'string') return undefined
  if (/^https?:/.test(name)) {
    throw trouble(`profile ${name} is an address`, 'put its settings in clouds-public.yaml')
  }
  return treeAt(treeAt(find('clouds-public', sources)?.tree, 'public-clouds'), name)
}

function places(stem: string, { env, home }: CloudSources): string[] {
  const variable = { clouds: 'OS_CLIENT_CONFIG_FILE', secure: 'OS_CLIENT_SECURE_FILE' }[stem]
  const given = variable === undefined ? undefined : env[variable]
  const config = env['XDG_CONFIG_HOME'] ?? `${home}/.config`
  const folders = ['.', `${config}/openstack`, '/etc/openstack']
  const standard = folders.flatMap(folder => [`${folder}/${stem}.yaml`, `${folder}/${stem}.yml`])
  return given === undefined || given === '' ? standard : [given, ...standard]
}

function find(stem: string, sources: CloudSources): { tree: Tree; file: string } | undefined {
  for (const file of places(stem, sources)) {
    const text = sources.readFile(file)
    if (text === undefined) continue
    const tree = parseFile(text, file)
    if (tree !== undefined) return { tree, file }
  }
  return undefined
}

function parseFile(text: string, file: string): Tree | undefined {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    // The parser's own text quotes the line, which may hold a password.
    const line = /at line (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
    throw trouble(
      `${file} is not valid YAML`,
      line === undefined ? 'correct it' : `see line ${line}`,
    )
  }
  return isTree(value) ? value : undefined
}

function toCloud(tree: Tree, name: string, file: string): Cloud {
  const auth: Record<string, string> = {}
  for (const [key, value] of Object.entries(treeAt(tree, 'auth') ?? {})) {
    const text = textOf(value)
    if (text !== undefined) auth[key] = text
  }
  const regions = tree['regions']
  const first: unknown = Array.isArray(regions) ? regions[0] : undefined
  const region = textOf(tree['region_name']) ?? textOf(isTree(first) ? first['name'] : first)
  const verify = tree['verify']
  return {
    name,
    file,
    auth,
    auth_type: textOf(tree['auth_type']),
    region_name: region,
    interface: textOf(tree['interface']) ?? textOf(tree['endpoint_type']),
    identity_api_version: textOf(tree['identity_api_version']),
    verify: typeof verify === 'boolean' ? verify : undefined,
    cacert: textOf(tree['cacert']),
    object_store_endpoint_override: textOf(tree['object_store_endpoint_override']),
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' ? String(value) : undefined
}

function treeAt(tree: Tree | undefined, key: string): Tree | undefined {
  const value = tree?.[key]
  return isTree(value) ? value : undefined
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function trouble(what: string, hint: string): StoreError {
  return new StoreError('denied', `${what}: ${hint}`, { operation: 'Configure', hint })
}
