/** How the tests of the Swift adapter reach the real servers. */
import type { Test } from 'tap'
import type { Clock } from '../../../src/core/ports.ts'
import { resolveConfig, type SwiftConfig } from '../../../src/store/swift/config.ts'
import { openSwiftService, type SwiftOpenOptions } from '../../../src/store/swift/open.ts'
import { storeConformance } from '../../conformance/store.ts'
import { rejects } from '../../conformance/support.ts'
import type { Server } from '../../support/servers.ts'

export const clock: Clock = {
  now: () => Date.now(),
  after(delay, then) {
    const timer = setTimeout(then, delay)
    return { cancel: () => clearTimeout(timer) }
  },
}

export const openOptions: SwiftOpenOptions = { clock, random: Math.random }

/** What the environment would say for this server. */
export function environmentOf({ swift }: Server): Record<string, string> {
  const { keystone } = swift
  if (keystone === undefined) {
    return { ST_AUTH: swift.authUrl, ST_USER: swift.user, ST_KEY: swift.key }
  }
  return {
    OS_AUTH_URL: swift.authUrl,
    OS_USERNAME: swift.user,
    OS_PASSWORD: swift.key,
    OS_PROJECT_NAME: keystone.project,
    OS_USER_DOMAIN_ID: keystone.userDomain,
    OS_PROJECT_DOMAIN_ID: keystone.projectDomain,
    OS_REGION_NAME: keystone.region,
  }
}

export function configOf(server: Server): SwiftConfig {
  return resolve(environmentOf(server))
}

export function resolve(env: Readonly<Record<string, string | undefined>>): SwiftConfig {
  return resolveConfig({ env, readFile: () => undefined, home: '/nowhere' })
}

/** A name that no other test has. */
export function freshName(prefix: string): string {
  return `${prefix}-${process.pid}-${Date.now().toString(36)}`
}

/** The suite in a container of its own, which then goes with its segments. One subtest: a pause would end the root. */
export async function conformance(t: Test, name: string, server: Server): Promise<void> {
  await t.test(name, async t => {
    const container = freshName('conf')
    const service = await openSwiftService(configOf(server), openOptions)
    await service.createBucket(container)
    await storeConformance(t, name, async () => {
      const store = await service.open(container)
      await store.probe('')
      return store
    })
    await service.deleteBucket(container)
    const left = (await service.listBuckets()).map(bucket => bucket.name)
    t.notOk(
      left.some(bucket => bucket.startsWith(container)),
      'gone with its segments',
    )
    await rejects(t, service.deleteBucket(container), 'no-bucket', 'gone')
    service.close()
  })
}
