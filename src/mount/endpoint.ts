/**
 * Which server a mount speaks to, as far as the environment and the AWS files say: pending changes of a bucket must
 * never be sent to a bucket of the same name elsewhere.
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from './config.ts'
import type { Config, StoreConfig } from './config.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Text that differs between servers and, on Swift, between accounts. */
export function serverIdentity({ source, store }: Config, env: Environment): string {
  const { endpointUrl, osCloud } = store
  if (source.family !== 'swift') return plain(s3Endpoint(store, env) ?? '')
  const cloud = osCloud ?? env['OS_CLOUD']
  if (cloud) return `cloud ${cloud}`
  const address = endpointUrl ?? env['OS_STORAGE_URL'] ?? env['ST_AUTH'] ?? env['OS_AUTH_URL']
  const account = ['ST_USER', 'OS_PROJECT_ID', 'OS_PROJECT_NAME', 'OS_PROJECT_DOMAIN_NAME']
  return [plain(address ?? ''), ...account.map(name => env[name] ?? '')].join(' ')
}

/** The address of an S3 server: the option's, the environment's, the profile's; undefined for Amazon's own. */
export function s3Endpoint(store: StoreConfig, env: Environment): string | undefined {
  const named = store.endpointUrl ?? (env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'])
  if (named) return named
  return profileEndpoint(store.profile ?? env['AWS_PROFILE'] ?? 'default', configText(env))
}

/** `http://h/` and `http://h` are one; what is before an `@` may be a secret. */
function plain(address: string): string {
  return address.replace(/\/+$/, '').replace(/\/\/[^/@]*@/, '//')
}

/** Throws ConfigError where a profile was asked for that the AWS files do not have. */
export function checkProfile(store: StoreConfig, env: Environment): void {
  const profile = store.profile ?? (env['AWS_PROFILE'] || undefined)
  if (profile === undefined || profile === 'default') return
  const [config, credentials] = [awsFile('config', env), awsFile('credentials', env)]
  if (sections(read(config)).includes(`profile ${profile}`)) return
  if (sections(read(credentials)).includes(profile)) return
  throw new ConfigError(
    `there is no profile "${profile}"`,
    `Profiles are in ${config} (as [profile ${profile}]) and ${credentials} (as [${profile}])`,
  )
}

function configText(env: Environment): string {
  return read(awsFile('config', env))
}

function awsFile(name: 'config' | 'credentials', env: Environment): string {
  const variable = name === 'config' ? 'AWS_CONFIG_FILE' : 'AWS_SHARED_CREDENTIALS_FILE'
  return env[variable] || join(homedir(), '.aws', name)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The names in brackets, with single spaces and without quotes. */
function sections(text: string): string[] {
  return [...text.matchAll(/^\[\s*(.*?)\s*\]/gm)].map(([, name = '']) =>
    name.replaceAll(/\s+/g, ' ').replaceAll(/["']/g, ''),
  )
}

/** A profile's `endpoint_url`, its `services` section's for S3 first. Docs: "AWS SDKs: Service-specific endpoints". */
export function profileEndpoint(profile: string, config: string): string | undefined {
  const own = section(
    config,
    profile === 'default' ? /^(?:profile )?default$/ : `profile ${profile}`,
  )
  const services = own.get('services')
  const named = services === undefined ? undefined : section(config, `services ${services}`)
  return named?.get('s3.endpoint_url') ?? own.get('endpoint_url')
}

/** The settings of one section; those indented below `s3 =` as `s3.NAME`. */
function section(config: string, wanted: string | RegExp): Map<string, string> {
  const found = new Map<string, string>()
  let inside = false
  let parent = ''
  for (const line of config.split(/\r?\n/)) {
    const head = /^\[\s*(.*?)\s*\]/.exec(line)
    if (head) {
      const name = head[1] ?? ''
      inside = typeof wanted === 'string' ? name === wanted : wanted.test(name)
      continue
    }
    const setting = /^(\s*)([\w-]+)\s*=\s*(.*?)\s*$/.exec(line)
    if (!inside || !setting) continue
    const [, indent, name = '', value = ''] = setting
    if (indent === '') parent = name
    found.set(indent === '' ? name : `${parent}.${name}`, value)
  }
  return found
}
