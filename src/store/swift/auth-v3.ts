/**
 * Keystone v3 tokens: the request's body and what the reply says. Pure.
 * https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management
 */
import type { KeystoneAuth } from './config.ts'
import type { SwiftConfig } from './config.ts'

/** Where to POST: the auth address with `/v3` (added where a bare host was given) and `/auth/tokens`. */
export function tokensUrl(authUrl: string): string {
  const base = authUrl.replace(/\/+$/, '').replace(/\/auth\/tokens$/, '')
  const versioned = base.endsWith('/v3') ? base : `${base.replace(/\/v2(\.0)?$/, '')}/v3`
  return `${versioned}/auth/tokens`
}

/** The body of POST /v3/auth/tokens. Application credentials have their project in them: no scope is sent. */
export function tokenRequest(auth: KeystoneAuth): object {
  const identity = { methods: [METHODS[auth.method]], ...credentials(auth) }
  const scope = scopeOf(auth)
  return { auth: scope === undefined ? { identity } : { identity, scope } }
}

const METHODS = {
  password: 'password',
  token: 'token',
  applicationCredential: 'application_credential',
} as const

function credentials(auth: KeystoneAuth): object {
  if (auth.method === 'token') return { token: { id: auth.token } }
  if (auth.method === 'password')
    return { password: { user: { ...user(auth), password: auth.password } } }
  const secret = auth.applicationCredentialSecret
  if (auth.applicationCredentialId !== undefined) {
    return { application_credential: { id: auth.applicationCredentialId, secret } }
  }
  return {
    application_credential: { name: auth.applicationCredentialName, secret, user: user(auth) },
  }
}

function user(auth: KeystoneAuth): object {
  if (auth.userId !== undefined) return { id: auth.userId }
  return { name: auth.username, domain: domain(auth.userDomainId, auth.userDomainName) }
}

function domain(id: string | undefined, name: string | undefined): object {
  return id !== undefined ? { id } : { name }
}

function scopeOf(auth: KeystoneAuth): object | undefined {
  if (auth.method === 'applicationCredential') return undefined
  if (auth.projectId !== undefined) return { project: { id: auth.projectId } }
  if (auth.projectName !== undefined) {
    // A project's domain is the user's where nothing else is said, as the swift tool has it.
    const id =
      auth.projectDomainId ?? (auth.projectDomainName === undefined ? auth.userDomainId : undefined)
    const name = auth.projectDomainName ?? auth.userDomainName
    if (id === undefined && name === undefined)
      return { project: { name: auth.projectName, domain: { id: 'default' } } }
    return { project: { name: auth.projectName, domain: domain(id, name) } }
  }
  if (auth.domainId !== undefined || auth.domainName !== undefined) {
    return { domain: domain(auth.domainId, auth.domainName) }
  }
  return undefined
}

/** Endpoint of the object store, or why there is none. */
export type Endpoint =
  { readonly url: string } | { readonly trouble: string; readonly hint: string }

interface CatalogService {
  readonly type?: string
  readonly endpoints?: readonly {
    readonly interface?: string
    readonly region?: string
    readonly region_id?: string
    readonly url?: string
  }[]
}

/** Picks the `object-store` endpoint of the region and interface from a token's catalogue. */
export function pickEndpoint(
  catalog: unknown,
  want: Pick<SwiftConfig, 'region' | 'interface'>,
): Endpoint {
  const services = Array.isArray(catalog) ? (catalog as CatalogService[]) : []
  if (services.length === 0) {
    return {
      trouble: 'the token has no service catalogue',
      hint: 'Name a project to scope it to (OS_PROJECT_NAME or OS_PROJECT_ID, with its domain).',
    }
  }
  const all = services
    .filter(each => each.type === 'object-store')
    .flatMap(each => each.endpoints ?? [])
  if (all.length === 0) {
    const types = services.map(each => each.type).join(', ')
    return {
      trouble: `the catalogue has no object-store service (it has: ${types})`,
      hint: 'This cloud offers no Swift to this project; set OS_STORAGE_URL if you know its address.',
    }
  }
  const regionOf = (each: (typeof all)[number]): string => each.region_id ?? each.region ?? ''
  const inRegion = all.filter(
    each =>
      want.region === undefined || regionOf(each) === want.region || each.region === want.region,
  )
  if (inRegion.length === 0) {
    const regions = [...new Set(all.map(regionOf))].join(', ')
    return {
      trouble: `the catalogue has no object-store in region ${want.region ?? ''}`,
      hint: `Set OS_REGION_NAME to one of: ${regions}.`,
    }
  }
  const found = inRegion.find(each => each.interface === want.interface && each.url !== undefined)
  if (found?.url === undefined) {
    const interfaces = [...new Set(inRegion.map(each => each.interface))].join(', ')
    return {
      trouble: `the catalogue has no ${want.interface} address of object-store`,
      hint: `Set OS_INTERFACE to one of: ${interfaces}.`,
    }
  }
  return { url: found.url }
}
