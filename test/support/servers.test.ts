/** The servers that all other tests stand on: they start, are shared, hold a bucket, and go away. */
import { access } from 'node:fs/promises'
import t from 'tap'
import {
  freshBucket,
  sharedKeystoneSwift,
  sharedRgw,
  sharedSwift,
  startSwift,
  whyMissing,
} from './servers.ts'

// Run by hand, tap allows a file 30 s.
t.setTimeout(240_000)

/** Asks a server for a Swift v1 token, as a sign of life that needs no client library. */
async function token(authUrl: string, user: string, key: string): Promise<string | null> {
  const reply = await fetch(authUrl, { headers: { 'X-Auth-User': user, 'X-Auth-Key': key } })
  return reply.headers.get('x-auth-token')
}

t.test(
  'Swift is shared, a private one goes when told',
  { skip: await whyMissing('swift') },
  async t => {
    const [one, two] = await Promise.all([sharedSwift(), sharedSwift()])
    t.equal(one.port, two.port, 'both got the same server')
    t.ok(await token(one.swift.authUrl, one.swift.user, one.swift.key))
    t.not(await freshBucket(one), await freshBucket(one))

    const own = await startSwift({ maxFileSize: 1_000_000, s3Acl: true })
    t.not(own.port, one.port)
    const limits = (await (await fetch(`${own.endpoint}/info`)).json()) as {
      swift: { max_file_size: number }
    }
    t.equal(limits.swift.max_file_size, 1_000_000)
    await own.stop()
    await t.rejects(fetch(own.endpoint), 'nobody answers any more')
    await t.rejects(access(own.directory), 'its data is gone')
  },
)

t.test(
  'Ceph RGW answers S3 and Swift',
  { skip: await whyMissing('rgw'), timeout: 200_000 },
  async t => {
    const server = await sharedRgw()
    t.ok(await token(server.swift.authUrl, server.swift.user, server.swift.key))
    const bucket = await freshBucket(server)
    t.match(bucket, /^test-[0-9a-f]{10}$/)
  },
)

const noKeystone = await whyMissing('swift-keystone')

t.test('Swift with Keystone takes EC2 keys', { skip: noKeystone, timeout: 200_000 }, async t => {
  const server = await sharedKeystoneSwift()
  t.match(await freshBucket(server), /^test-/)
  t.match(server.swift.authUrl, /\/v3$/)
  t.ok(server.swift.keystone?.applicationCredential.id)
})
