/**
 * Every control through real mounts of all buckets, over each family and server, each line checked by a second client
 * or curl. What a server cannot do is found by asking it, and skipped with its own words.
 */
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { FAMILIES, openFamily, whyNot, WITH_LISTS, type Kind } from '../support/families.ts'
import { mountBucket } from '../support/mount.ts'
import { accessLists, addresses, newObjectsAcl, tags } from './access.ts'
import { buckets, otherOwners, regions } from './buckets.ts'
import { commands } from './commands.ts'
import { keysTest } from './keys.ts'
import { changesAlone, metadata, versionsAndExpiry } from './metadata.ts'
import { saved } from './saved.ts'
import type { Scene } from './scene.ts'

t.setTimeout(1_800_000)

for (const kind of FAMILIES) {
  await t.test(kind.title, { skip: await whyNot(kind) }, async t => {
    t.setTimeout(600_000)
    const scene = await sceneOf(t, kind)
    await t.test('buckets', t => buckets(t, scene))
    await t.test('buckets of others', t => otherOwners(t, scene))
    await t.test('regions', t => regions(t, scene))
    await t.test('metadata and headers', t => metadata(t, scene))
    await t.test('versions and expiry', t => versionsAndExpiry(t, scene))
    await t.test('a change alone sends no data', t => changesAlone(t, scene))
    await t.test('addresses', t => addresses(t, scene))
    await t.test('access lists', t => accessLists(t, scene))
    await t.test('an access list for new objects', t => newObjectsAcl(t, scene))
    await t.test('tags', t => tags(t, scene))
    await t.test('access lists and tags of saved files', t => saved(t, scene))
    await t.test('ls and stat', t => commands(t, scene))
    await t.test('every key is reachable', t => keysTest(t, scene))
    const { mount, bucket, other } = scene
    await mount.sh(`rm -r '${bucket}'`)
    t.notOk((await other.buckets()).includes(bucket), 'rm -r takes the bucket too')
  })
}

await t.test(WITH_LISTS.title, { skip: await whyNot(WITH_LISTS) }, async t => {
  t.setTimeout(400_000)
  const scene = await sceneOf(t, WITH_LISTS)
  await scene.mount.sh(`mkdir '${scene.bucket}'`)
  await t.test('access lists', t => accessLists(t, scene))
  await t.test('an access list for new objects', t => newObjectsAcl(t, scene))
  await t.test('access lists and tags of saved files', t => saved(t, scene))
})

async function sceneOf(t: Test, kind: Kind): Promise<Scene> {
  const family = await openFamily(t, kind)
  const { server, scheme, env, proxy } = family
  const common = { server, bucket: '', source: `${scheme}:`, endpoint: proxy.endpoint }
  const ownEnv = { ...env, PAILFS_METADATA_TTL: '1s' }
  return {
    ...family,
    mount: await mountBucket(t, { ...common, env: ownEnv }),
    bucket: `feat-${randomBytes(5).toString('hex')}`,
    mountMore: (options = {}) =>
      mountBucket(t, { ...common, ...options, env: { ...ownEnv, ...options.env } }),
  }
}
