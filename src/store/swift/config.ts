/**
 * What is needed to reach a Swift account, and its resolution from options, `ST_*`, `OS_*` and clouds.yaml.
 *
 * The order: options given; a cloud named by option or `OS_CLOUD`; `OS_STORAGE_URL` + `OS_AUTH_TOKEN`;
 * `ST_*` (v1); `OS_*` (Keystone v3). The first that is there is used whole, and what is missing in it is an error
 * that says what, where it was looked for and what to do. Pure but for the files read through the argument.
 */
import { StoreError } from '../../core/errors.ts'
import { loadCloud, type Cloud, type FileReader } from './clouds.ts'

/** Credentials of Keystone v3; which of them are there decides the method. */
export interface KeystoneAuth {
  readonly kind: 'v3'
  readonly authUrl: string
  readonly method: 'password' | 'token' | 'applicationCredential'
  readonly username?: string
  readonly userId?: string
  readonly password?: string
  readonly token?: string
  readonly applicationCredentialId?: string
  readonly applicationCredentialName?: string
  readonly applicationCredentialSecret?: string
  readonly userDomainName?: string
  readonly userDomainId?: string
  readonly projectName?: string
  readonly projectId?: string
  readonly projectDomainName?: string
  readonly projectDomainId?: string
  readonly domainName?: string
  readonly domainId?: string
}

/** TempAuth, and RGW's `/auth/v1.0`. */
export interface V1Auth {
  readonly kind: 'v1'
  readonly authUrl: string
  /** `account:user`. */
  readonly user: string
  readonly key: string
}

/** A token somebody else fetched; it cannot be renewed. */
export interface TokenAuth {
  readonly kind: 'token'
  readonly token: string
}

export interface SwiftConfig {
  readonly auth: KeystoneAuth | V1Auth | TokenAuth
  /** Takes the place of the catalogue's address. */
  readonly storageUrl?: string
  readonly region?: string
  readonly interface: 'public' | 'internal' | 'admin'
  /** PEM file of authorities to trust. */
  readonly caFile?: string
  /** False: certificates are not checked. */
  readonly verify: boolean
}

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file, or undefined where there is none. */
  readonly readFile: FileReader
  readonly home: string
  /** `--os-cloud`. */
  readonly cloud?: string
  /** Options by their `OS_*` or `ST_*` names; they win over the environment. */
  readonly options?: Readonly<Record<string, string | undefined>>
}

type Settings = (name: string) => string | undefined

/** Rejects with StoreError `denied` that says what is missing, where it was looked for and what to do. */
export function resolveConfig(sources: ConfigSources): SwiftConfig {
  const setting: Settings = name => {
    const value = sources.options?.[name] ?? sources.env[name]
    return value === undefined || value === '' ? undefined : value
  }
  const cloud = sources.cloud ?? setting('OS_CLOUD')
  if (cloud !== undefined) {
    return fromCloud(
      loadCloud(cloud, { env: sources.env, readFile: sources.readFile, home: sources.home }),
      setting,
    )
  }
  const storageUrl = setting('OS_STORAGE_URL')
  const token = setting('OS_AUTH_TOKEN') ?? setting('OS_TOKEN')
  if (storageUrl !== undefined && token !== undefined) {
    return { auth: { kind: 'token', token }, storageUrl, ...common(setting) }
  }
  if (setting('ST_AUTH') !== undefined || setting('ST_USER') !== undefined) return fromV1(setting)
  if (setting('OS_AUTH_URL') !== undefined) {
    return fromKeystone(environmentCloud(setting), 'the environment (OS_*)', setting)
  }
  throw missing(
    'no Swift credentials',
    'looked for a cloud (--os-cloud, OS_CLOUD), OS_STORAGE_URL with OS_AUTH_TOKEN, ST_AUTH and OS_AUTH_URL',
    'set ST_AUTH, ST_USER and ST_KEY, source your openrc file, or name a cloud of clouds.yaml with --os-cloud',
  )
}

function common(setting: Settings): Omit<SwiftConfig, 'auth' | 'storageUrl'> {
  const region = setting('OS_REGION_NAME')
  const caFile = setting('OS_CACERT')
  return {
    interface: interfaceOf(setting('OS_INTERFACE') ?? setting('OS_ENDPOINT_TYPE')),
    verify: !/^(1|true|yes|on)$/i.test(
      setting('OS_INSECURE') ?? setting('SWIFTCLIENT_INSECURE') ?? '',
    ),
    ...(region === undefined ? {} : { region }),
    ...(caFile === undefined ? {} : { caFile }),
  }
}

function fromV1(setting: Settings): SwiftConfig {
  const names = ['ST_AUTH', 'ST_USER', 'ST_KEY'] as const
  const lacking = names.filter(name => setting(name) === undefined)
  if (lacking.length > 0) {
    throw missing(
      `${lacking.join(' and ')} not set`,
      'v1 authentication takes ST_AUTH, ST_USER and ST_KEY from the environment',
      'set them as for the swift tool: ST_AUTH is the address that ends with /auth/v1.0, ST_USER is account:user',
    )
  }
  const version = setting('ST_AUTH_VERSION') ?? '1.0'
  if (!version.startsWith('1')) {
    throw missing(
      `ST_AUTH_VERSION is ${version}`,
      'ST_* stands for v1 authentication',
      'use OS_AUTH_URL and the other OS_* for Keystone v3, or unset ST_AUTH_VERSION',
    )
  }
  const storageUrl = setting('OS_STORAGE_URL')
  return {
    auth: {
      kind: 'v1',
      authUrl: setting('ST_AUTH') ?? '',
      user: setting('ST_USER') ?? '',
      key: setting('ST_KEY') ?? '',
    },
    ...(storageUrl === undefined ? {} : { storageUrl }),
    ...common(setting),
  }
}

/** The environment in the words of clouds.yaml, so that both are understood by one function. */
function environmentCloud(setting: Settings): Cloud {
  const names = {
    auth_url: ['OS_AUTH_URL'],
    username: ['OS_USERNAME'],
    user_id: ['OS_USER_ID'],
    password: ['OS_PASSWORD'],
    token: ['OS_AUTH_TOKEN', 'OS_TOKEN'],
    application_credential_id: ['OS_APPLICATION_CREDENTIAL_ID'],
    application_credential_name: ['OS_APPLICATION_CREDENTIAL_NAME'],
    application_credential_secret: ['OS_APPLICATION_CREDENTIAL_SECRET'],
    user_domain_name: ['OS_USER_DOMAIN_NAME'],
    user_domain_id: ['OS_USER_DOMAIN_ID'],
    project_name: ['OS_PROJECT_NAME', 'OS_TENANT_NAME'],
    project_id: ['OS_PROJECT_ID', 'OS_TENANT_ID'],
    project_domain_name: ['OS_PROJECT_DOMAIN_NAME'],
    project_domain_id: ['OS_PROJECT_DOMAIN_ID'],
    domain_name: ['OS_DOMAIN_NAME'],
    domain_id: ['OS_DOMAIN_ID'],
    default_domain_name: ['OS_DEFAULT_DOMAIN_NAME'],
    default_domain_id: ['OS_DEFAULT_DOMAIN_ID', 'OS_DEFAULT_DOMAIN'],
  } as const
  const auth: Record<string, string> = {}
  for (const [name, variables] of Object.entries(names)) {
    const value = variables.map(setting).find(found => found !== undefined)
    if (value !== undefined) auth[name] = value
  }
  return {
    auth,
    auth_type: setting('OS_AUTH_TYPE'),
    identity_api_version: setting('OS_IDENTITY_API_VERSION') ?? setting('OS_AUTH_VERSION'),
  }
}

function fromCloud(cloud: Cloud, setting: Settings): SwiftConfig {
  const where = `cloud ${cloud.name ?? ''} (${cloud.file ?? 'clouds.yaml'})`
  const own = common(setting)
  const region = setting('OS_REGION_NAME') ?? cloud.region_name
  const caFile = setting('OS_CACERT') ?? cloud.cacert
  const storageUrl = setting('OS_STORAGE_URL') ?? cloud.object_store_endpoint_override
  const rest = {
    interface: setting('OS_INTERFACE') === undefined ? interfaceOf(cloud.interface) : own.interface,
    verify: own.verify && cloud.verify !== false,
    ...(region === undefined ? {} : { region }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(storageUrl === undefined ? {} : { storageUrl }),
  }
  if (cloud.auth_type === 'none' || cloud.auth_type === 'admin_token') {
    throw missing(`auth_type ${cloud.auth_type} in ${where} is not supported`, where, SUPPORTED)
  }
  if (cloud.auth_type === 'v1password' || cloud.auth_type === 'v1') {
    const { auth_url: authUrl, username: user, password: key } = cloud.auth
    if (authUrl === undefined || user === undefined || key === undefined) {
      throw missing('auth_url, username and password are needed for v1', where, 'add them there')
    }
    return { auth: { kind: 'v1', authUrl, user, key }, ...rest }
  }
  return { ...fromKeystone(cloud, where, setting), ...rest }
}

const SUPPORTED =
  'supported are password, token and application credential (v3), and v1password; or set OS_STORAGE_URL and OS_AUTH_TOKEN'

function fromKeystone(cloud: Cloud, where: string, setting: Settings): SwiftConfig {
  const auth = cloud.auth
  const version = cloud.identity_api_version ?? '3'
  if (!/^v?3/.test(version)) {
    throw missing(
      `identity API version ${version} is not supported`,
      where,
      'set it to 3, or remove it',
    )
  }
  const authUrl = auth['auth_url']
  if (authUrl === undefined)
    throw missing('auth_url is not set', where, 'add the address of Keystone, ending with /v3')
  const method = methodOf(cloud, where)
  const lacking = lackingFor(method, auth)
  if (lacking !== undefined) {
    throw missing(
      `${lacking} for ${METHOD_NAMES[method]}`,
      where,
      `add it there (${asVariable(lacking)} in the environment)`,
    )
  }
  const storageUrl = setting('OS_STORAGE_URL')
  const pick = <T extends string>(name: T, ...from: string[]): { [K in T]?: string } => {
    const value = from.map(each => auth[each]).find(each => each !== undefined)
    return (value === undefined ? {} : { [name]: value }) as { [K in T]?: string }
  }
  return {
    auth: {
      kind: 'v3',
      authUrl,
      method,
      ...pick('username', 'username'),
      ...pick('userId', 'user_id'),
      ...pick('password', 'password'),
      ...pick('token', 'token'),
      ...pick('applicationCredentialId', 'application_credential_id'),
      ...pick('applicationCredentialName', 'application_credential_name'),
      ...pick('applicationCredentialSecret', 'application_credential_secret'),
      ...pick('userDomainName', 'user_domain_name', 'default_domain_name'),
      ...pick('userDomainId', 'user_domain_id', 'default_domain_id', 'default_domain'),
      ...pick('projectName', 'project_name', 'tenant_name'),
      ...pick('projectId', 'project_id', 'tenant_id'),
      ...pick('projectDomainName', 'project_domain_name', 'default_domain_name'),
      ...pick('projectDomainId', 'project_domain_id', 'default_domain_id', 'default_domain'),
      ...pick('domainName', 'domain_name'),
      ...pick('domainId', 'domain_id'),
    },
    ...(storageUrl === undefined ? {} : { storageUrl }),
    ...common(setting),
  }
}

const METHOD_NAMES = {
  password: 'password authentication',
  token: 'token authentication',
  applicationCredential: 'an application credential',
}

function methodOf(cloud: Cloud, where: string): KeystoneAuth['method'] {
  const type = cloud.auth_type
  if (type === undefined) {
    if (cloud.auth['application_credential_secret'] !== undefined) return 'applicationCredential'
    if (cloud.auth['token'] !== undefined && cloud.auth['password'] === undefined) return 'token'
    return 'password'
  }
  if (type === 'v3applicationcredential') return 'applicationCredential'
  if (type === 'token' || type === 'v3token') return 'token'
  if (type === 'password' || type === 'v3password') return 'password'
  throw missing(`auth_type ${type} is not supported`, where, SUPPORTED)
}

/** The first setting that the method needs and that is not there. */
function lackingFor(method: KeystoneAuth['method'], auth: Cloud['auth']): string | undefined {
  const has = (...names: string[]): boolean => names.some(name => auth[name] !== undefined)
  const user = has('username', 'user_id')
  const userDomain = has(
    'user_id',
    'user_domain_name',
    'user_domain_id',
    'default_domain_id',
    'default_domain_name',
    'default_domain',
  )
  if (method === 'token') return has('token') ? undefined : 'token'
  if (method === 'applicationCredential') {
    if (!has('application_credential_secret')) return 'application_credential_secret'
    if (has('application_credential_id')) return undefined
    if (!has('application_credential_name')) return 'application_credential_id'
    if (!user) return 'username'
    return userDomain ? undefined : 'user_domain_name'
  }
  if (!user) return 'username'
  if (!has('password')) return 'password'
  if (!userDomain) return 'user_domain_name'
  return undefined
}

function asVariable(name: string): string {
  return `OS_${name.toUpperCase()}`
}

function interfaceOf(text: string | undefined): SwiftConfig['interface'] {
  const name = (text ?? 'public').replace(/URL$/i, '').toLowerCase()
  if (name === 'public' || name === 'internal' || name === 'admin') return name
  throw missing(
    `interface ${text} is not known`,
    'OS_INTERFACE or clouds.yaml',
    'use public, internal or admin',
  )
}

function missing(what: string, where: string, todo: string): StoreError {
  return new StoreError('denied', `${what} (${where}): ${todo}`, {
    operation: 'Configure',
    hint: todo,
  })
}
