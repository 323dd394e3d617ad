/** The helpers that tests of real mounts stand on: the mount, the shell, the second client. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { BucketClient, BucketError, whyNoBoto } from './bucket-client.ts'
import { mountBucket, whyNoFuse } from './mount.ts'
import { freshBucket, sharedSwift, whyMissing } from './servers.ts'
import { sh, shell, ShellError } from './shell.ts'

t.test('the shell has a time limit and tells what failed', async t => {
  t.equal(await sh('cat | tr a b', { input: 'aha' }), 'bhb')
  t.match(await shell('echo no >&2; exit 3'), { code: 3, err: 'no\n' })
  await t.rejects(sh('false | true'), ShellError)
  const before = performance.now()
  await t.rejects(sh('sleep 30 & sleep 30', { timeout: 200 }), /no end after 200 ms/)
  t.ok(performance.now() - before < 5000)
})

const skip = (await whyMissing('swift')) || (await whyNoBoto())

t.test('the second client', { skip }, async t => {
  const server = await sharedSwift()
  const client = await BucketClient.start(t, server, await freshBucket(server))
  const bytes = Buffer.from([0, 255, 10, 13])
  await client.put('a/ü', bytes, { metadata: { colour: 'red' }, contentType: 'image/x-pail' })
  t.ok(bytes.equals(await client.get('a/ü')))
  t.match(await client.head('a/ü'), {
    metadata: { colour: 'red' },
    contentType: 'image/x-pail',
    size: 4,
  })
  t.equal(await client.head('none'), undefined)
  await t.rejects(client.get('none'), { code: 'NoSuchKey', status: 404 })
  await t.rejects(client.call('nonsense'), BucketError)
  await Promise.all(['b', 'c', 'd'].map(key => client.put(key, key)))
  t.same(await client.keys(), ['a/ü', 'b', 'c', 'd'])
  await client.delete('b')
  t.same(await client.keys('b'), [])
})

t.test('a mount', { skip: skip || (await whyNoFuse()) }, async t => {
  const server = await sharedSwift()
  const bucket = await freshBucket(server)
  const client = await BucketClient.start(t, server, bucket)
  const mount = await mountBucket(t, { server, bucket, args: ['--write-back=0'] })
  await mount.sh('echo hello >greeting')
  t.equal((await client.get('greeting')).toString(), 'hello\n')
  await mount.kill9()
  t.notMatch(await readFile('/proc/self/mountinfo', 'utf8'), mount.dir)
  const again = await mountBucket(t, { server, bucket, work: mount.work })
  t.equal(again.dir, mount.dir)
  t.equal(await again.sh('cat greeting'), 'hello\n')
  t.equal(await again.stop(), 0)
})
