/** Every kind of Keystone v3 credentials against a real Keystone. */
import type { Test } from 'tap'
import { openSwiftService } from '../../../src/store/swift/open.ts'
import { bytes, noMeta, rejects } from '../../conformance/support.ts'
import type { Server } from '../../support/servers.ts'
import { configOf, environmentOf, freshName, openOptions, resolve } from './access.ts'

export async function keystoneKinds(t: Test, server: Server): Promise<void> {
  const { keystone, authUrl, user } = server.swift
  if (keystone === undefined) throw new Error('not a Keystone')
  const environment = environmentOf(server)
  const container = freshName('kinds')
  const service = await openSwiftService(configOf(server), openOptions)
  await service.createBucket(container)

  await t.test('kinds of credentials', async t => {
    const { OS_PROJECT_NAME: _, OS_PROJECT_DOMAIN_ID: __, ...unscoped } = environment
    const { id, secret } = keystone.applicationCredential
    const token = await fetchToken(environment)
    for (const [name, env] of Object.entries({
      'project by id': { ...unscoped, OS_PROJECT_ID: keystone.projectId },
      "the project's domain is the user's": { ...unscoped, OS_PROJECT_NAME: keystone.project },
      'domains by name': {
        OS_AUTH_URL: authUrl,
        OS_USERNAME: user,
        OS_PASSWORD: server.swift.key,
        OS_USER_DOMAIN_NAME: 'Default',
        OS_PROJECT_DOMAIN_NAME: 'Default',
        OS_PROJECT_NAME: keystone.project,
      },
      'application credential': {
        OS_AUTH_URL: authUrl,
        OS_APPLICATION_CREDENTIAL_ID: id,
        OS_APPLICATION_CREDENTIAL_SECRET: secret,
      },
      token: { OS_AUTH_URL: authUrl, OS_TOKEN: token, OS_PROJECT_ID: keystone.projectId },
      'another interface': { ...environment, OS_INTERFACE: 'internal' },
    })) {
      const opened = await openSwiftService(resolve(env), openOptions)
      t.ok(
        (await opened.listBuckets()).some(bucket => bucket.name === container),
        name,
      )
      opened.close()
    }
  })

  await t.test('what is missing is said', async t => {
    t.match(
      await attempt({ ...environment, OS_REGION_NAME: 'Nowhere' }),
      /region Nowhere: Set OS_REGION_NAME to one of: RegionOne/,
    )
    t.match(await attempt({ ...environment, OS_PASSWORD: 'wrong-one' }), /authentication at .*401/)
    t.notMatch(await attempt({ ...environment, OS_PASSWORD: 'wrong-one' }), /wrong-one/)
    t.match(await attempt({ ...environment, OS_PROJECT_NAME: 'none such' }), /401/)
  })

  await t.test('a reader may not write', async t => {
    const reader = keystone.others['reader']
    if (reader === undefined) return
    const env = { ...environment, OS_USERNAME: 'reader', OS_PASSWORD: reader.key }
    const opened = await openSwiftService(resolve(env), openOptions)
    const store = await opened.open(container)
    await rejects(
      t,
      store.put('x', bytes('x'), { meta: noMeta }),
      'denied',
      `${user} may, reader may not`,
    )
    opened.close()
  })
  await service.deleteBucket(container)
  service.close()
}

/** What is said on opening. */
function attempt(env: Record<string, string>): Promise<string> {
  return openSwiftService(resolve(env), openOptions).then(
    () => 'opened',
    (error: Error) => error.message,
  )
}

/** As `openstack token issue` would. */
async function fetchToken(env: Record<string, string>): Promise<string> {
  const user = {
    name: env['OS_USERNAME'],
    password: env['OS_PASSWORD'],
    domain: { id: env['OS_USER_DOMAIN_ID'] },
  }
  const project = { name: env['OS_PROJECT_NAME'], domain: { id: env['OS_PROJECT_DOMAIN_ID'] } }
  const body = {
    auth: { identity: { methods: ['password'], password: { user } }, scope: { project } },
  }
  const reply = await fetch(`${env['OS_AUTH_URL']}/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  return reply.headers.get('x-subject-token') ?? ''
}
