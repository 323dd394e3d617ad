/** Where credentials come from, what is said when they are incomplete, and what is sent for them. */
import t from 'tap'
import type { StoreError } from '../../../src/core/errors.ts'
import { pickEndpoint, tokenRequest, tokensUrl } from '../../../src/store/swift/auth-v3.ts'
import { mergeTrees } from '../../../src/store/swift/clouds.ts'
import {
  resolveConfig,
  type ConfigSources,
  type KeystoneAuth,
  type SwiftConfig,
} from '../../../src/store/swift/config.ts'

type Files = Readonly<Record<string, string>>

function resolve(
  env: Record<string, string>,
  files: Files = {},
  more: Partial<ConfigSources> = {},
): SwiftConfig {
  return resolveConfig({ env, readFile: path => files[path], home: '/home/u', ...more })
}
function complaint(env: Record<string, string>, files: Files = {}): string {
  try {
    resolve(env, files)
  } catch (error) {
    return (error as StoreError).message
  }
  return 'none'
}
const keystone = {
  OS_AUTH_URL: 'http://k:5000/v3',
  OS_USERNAME: 'u',
  OS_PASSWORD: 'secret-p',
  OS_USER_DOMAIN_NAME: 'D',
}

t.test('v1 from ST_*', async t => {
  const config = resolve({ ST_AUTH: 'http://h/auth/v1.0', ST_USER: 'a:u', ST_KEY: 'k' })
  t.strictSame(config, {
    auth: { kind: 'v1', authUrl: 'http://h/auth/v1.0', user: 'a:u', key: 'k' },
    interface: 'public',
    verify: true,
  })
  t.match(complaint({ ST_AUTH: 'x', ST_USER: 'y' }), /ST_KEY not set/)
  t.match(
    complaint({ ST_AUTH: 'x', ST_USER: 'y', ST_KEY: 'z', ST_AUTH_VERSION: '2.0' }),
    /ST_AUTH_VERSION is 2.0/,
  )
  t.match(complaint({}), /no Swift credentials.*OS_CLOUD.*ST_AUTH.*clouds.yaml/)
})

t.test('Keystone from OS_*', async t => {
  const config = resolve({
    ...keystone,
    OS_TENANT_NAME: 'p',
    OS_REGION_NAME: 'R',
    OS_ENDPOINT_TYPE: 'internalURL',
  })
  t.match(config, {
    auth: { kind: 'v3', method: 'password', projectName: 'p' },
    region: 'R',
    interface: 'internal',
  })
  for (const name of ['OS_USERNAME', 'OS_PASSWORD', 'OS_USER_DOMAIN_NAME'] as const) {
    const { [name]: _, ...rest } = keystone
    t.match(
      complaint(rest),
      new RegExp(`${name.slice(3).toLowerCase()} for password.*environment.*${name}`),
    )
  }
  t.match(
    complaint({ ...keystone, OS_IDENTITY_API_VERSION: '2.0' }),
    /version 2.0 is not supported/,
  )
  t.match(
    complaint({ ...keystone, OS_AUTH_TYPE: 'v3oidcpassword' }),
    /v3oidcpassword is not supported/,
  )
  t.match(
    complaint({ ...keystone, OS_INTERFACE: 'inner' }),
    /inner is not known.*public, internal or admin/,
  )
  t.notMatch(complaint({ ...keystone, OS_AUTH_TYPE: 'x' }), /secret-p/)
  const token = resolve({ OS_STORAGE_URL: 'http://s/v1/A', OS_AUTH_TOKEN: 't' })
  t.match(token, { auth: { kind: 'token', token: 't' }, storageUrl: 'http://s/v1/A' })
  t.match(resolve({ OS_AUTH_URL: 'x', OS_TOKEN: 't', OS_PROJECT_ID: 'p' }).auth, {
    method: 'token',
    token: 't',
  })
  const app = {
    OS_AUTH_URL: 'x',
    OS_APPLICATION_CREDENTIAL_ID: 'i',
    OS_APPLICATION_CREDENTIAL_SECRET: 's',
  }
  t.match(resolve(app).auth, { method: 'applicationCredential', applicationCredentialId: 'i' })
})

const clouds = `
clouds:
  one:
    profile: vendor
    auth: { username: u, project_name: p, user_domain_name: D, project_id: 12345 }
    region_name: R1
    interface: internal
    verify: false
  legacy: { auth_type: v1password, auth: { auth_url: "http://h/auth/v1.0", username: "a:u", password: k } }
`
t.test('clouds.yaml', async t => {
  const files = {
    './clouds.yaml': clouds,
    '/home/u/.config/openstack/clouds-public.yaml':
      'public-clouds: { vendor: { auth: { auth_url: "http://vendor/v3", username: no }, region_name: V } }',
    '/etc/openstack/secure.yaml': 'clouds: { one: { auth: { password: pw } } }',
    '/home/u/.config/openstack/clouds.yaml': 'clouds: { one: { auth: {} } }',
  }
  const config = resolve({ OS_CLOUD: 'one', ST_AUTH: 'ignored', ST_USER: 'x' }, files)
  t.match(config, {
    auth: {
      kind: 'v3',
      authUrl: 'http://vendor/v3',
      username: 'u',
      password: 'pw',
      projectId: '12345',
    },
    region: 'R1',
    interface: 'internal',
    verify: false,
  })
  t.match(resolve({}, files, { cloud: 'legacy' }).auth, { kind: 'v1', user: 'a:u', key: 'k' })
  t.match(
    complaint({ OS_CLOUD: 'two' }, files),
    /cloud two is not in .\/clouds.yaml: there are: one, legacy/,
  )
  t.match(
    complaint({ OS_CLOUD: 'two' }),
    /no clouds.yaml.*searched .\/clouds.yaml.*\.config\/openstack.*\/etc\/openstack/,
  )
  const bad = complaint({ OS_CLOUD: 'x' }, { './clouds.yaml': 'clouds:\n  x: { password: "hush' })
  t.match(bad, /not valid YAML/)
  t.notMatch(bad, /hush/)
  t.match(
    complaint({ OS_CLOUD: 'one' }, { './clouds.yaml': clouds }),
    /auth_url is not set \(cloud one \(.\/clouds.yaml\)\)/,
  )
})

t.test('merging', async t => {
  t.strictSame(mergeTrees({ a: { b: 1, c: 2 }, d: [1] }, { a: { c: 3 }, d: [2] }, {}), {
    a: { b: 1, c: 3 },
    d: [2],
  })
})

t.test('what is sent to Keystone', async t => {
  const base = {
    kind: 'v3',
    authUrl: '',
    method: 'password',
    username: 'u',
    password: 'p',
  } as const
  const sent = (auth: Partial<KeystoneAuth>): object =>
    (tokenRequest({ ...base, ...auth }) as { auth: object }).auth
  t.strictSame(sent({ userDomainName: 'D', projectName: 'P', projectDomainId: 'd' }), {
    identity: {
      methods: ['password'],
      password: { user: { name: 'u', domain: { name: 'D' }, password: 'p' } },
    },
    scope: { project: { name: 'P', domain: { id: 'd' } } },
  })
  t.match(sent({ userId: 'i', projectId: 'x' }), {
    identity: { password: { user: { id: 'i' } } },
    scope: { project: { id: 'x' } },
  })
  t.match(sent({ userDomainId: 'ud', projectName: 'P' }), {
    scope: { project: { domain: { id: 'ud' } } },
  })
  t.match(sent({ domainName: 'D' }), { scope: { domain: { name: 'D' } } })
  t.strictSame(sent({ method: 'token', token: 't', projectId: 'x' }), {
    identity: { methods: ['token'], token: { id: 't' } },
    scope: { project: { id: 'x' } },
  })
  const application = { method: 'applicationCredential', applicationCredentialSecret: 's' } as const
  t.strictSame(sent({ ...application, applicationCredentialId: 'i', projectId: 'x' }), {
    identity: {
      methods: ['application_credential'],
      application_credential: { id: 'i', secret: 's' },
    },
  })
  t.match(sent({ ...application, applicationCredentialName: 'n', userDomainId: 'd' }), {
    identity: { application_credential: { name: 'n', user: { name: 'u', domain: { id: 'd' } } } },
  })
  for (const url of [
    'http://k:5000',
    'http://k:5000/',
    'http://k:5000/v3',
    'http://k:5000/v3/',
    'http://k:5000/v2.0',
  ]) {
    t.equal(tokensUrl(url), 'http://k:5000/v3/auth/tokens')
  }
})

function endpoint(region: string, kind: string): object {
  return { region, interface: kind, url: `http://${region}/${kind}` }
}

t.test('the endpoint', async t => {
  const catalog = [
    { type: 'identity', endpoints: [endpoint('A', 'public')] },
    {
      type: 'object-store',
      endpoints: [endpoint('A', 'public'), endpoint('B', 'public'), endpoint('B', 'internal')],
    },
  ]
  t.strictSame(pickEndpoint(catalog, { interface: 'public' }), { url: 'http://A/public' })
  t.strictSame(pickEndpoint(catalog, { interface: 'internal', region: 'B' }), {
    url: 'http://B/internal',
  })
  t.match(pickEndpoint(catalog, { interface: 'public', region: 'C' }), { hint: /A, B/ })
  t.match(pickEndpoint(catalog, { interface: 'admin', region: 'B' }), { hint: /public, internal/ })
  t.match(pickEndpoint(catalog.slice(0, 1), { interface: 'public' }), { trouble: /identity/ })
  t.match(pickEndpoint(undefined, { interface: 'public' }), { hint: /OS_PROJECT_NAME/ })
})
