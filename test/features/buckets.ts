/** Buckets as directories: made, dated, refused with a reason, moved between, and followed to their region. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { flush, skipped, tried, type Scene } from './scene.ts'

export async function buckets(t: Test, { mount, other, bucket, proxy }: Scene): Promise<void> {
  const before = Date.now()
  await mount.sh(`mkdir '${bucket}'`)
  t.ok((await other.buckets()).includes(bucket), 'mkdir makes a bucket at once')
  const made = Number(await mount.sh(`stat -c %Y '${bucket}'`)) * 1000
  t.ok(Math.abs(made - before) < 60_000, 'its time is that of its creation')
  t.match(await tried(mount, `mkdir '${bucket}'`), /File exists/)
  t.match(await tried(mount, `touch file`), /Operation not permitted/)
  t.match(await tried(mount, `mv '${bucket}' renamed`), /Operation not permitted/)

  const theirs = `${bucket}-other`
  await other.createBucket(theirs)
  await sleep(1200)
  t.match(await mount.sh('ls'), new RegExp(`^${theirs}$`, 'm'), 'one made elsewhere is shown')
  await other.put(theirs, 'k', 'kept')
  t.match(await tried(mount, `rmdir '${theirs}'`), /not empty/)
  t.equal(await other.get(theirs, 'k'), 'kept', 'nothing deleted')

  await other.put(theirs, 'src', 'moved on the server', { note: 'kept' })
  proxy.reset()
  await sleep(1200)
  await mount.sh(
    `mv '${theirs}/src' '${bucket}/dst' && head -c 3000000 /dev/zero > '${theirs}/big'`,
  )
  await flush(mount)
  t.equal(await other.get(bucket, 'dst'), 'moved on the server')
  const sent = proxy.matching({ bucket, key: 'dst' })
  t.ok(sent.length > 0)
  t.ok(
    sent.every(({ requestBytes, replyBytes }) => requestBytes + replyBytes < 1000),
    'the server copies',
  )
  t.equal(proxy.count({ bucket: theirs, key: 'src', method: 'GET' }), 0, 'and nothing is fetched')
  t.equal((await other.head(bucket, 'dst')).user['note'], 'kept', 'with its metadata')
  t.notOk((await other.keys(theirs)).includes('src'))
  await mount.sh(`mkdir '${bucket}/d' && mv '${theirs}/big' '${bucket}/d/' && rm '${theirs}/k'`)
  await mount.sh(`rmdir '${theirs}'`)
  t.notOk((await other.buckets()).includes(theirs), 'rmdir deletes an empty bucket')
  await flush(mount)
  t.equal((await other.head(bucket, 'd/big')).size, 3_000_000)
}

/** Refused names, each with the rule or the reason where a person looks for it. */
export async function otherOwners(t: Test, scene: Scene): Promise<void> {
  const { mount, scheme, bucket, stranger } = scene
  const bad = scheme === 's3' ? 'No_Bucket_Name!' : `${bucket}_segments`
  t.match(await tried(mount, `mkdir '${bad}'`), /Invalid argument/)
  t.match(await whyOf(scene, bad), /(bucket|container) name/, 'with the rule')
  t.match(await tried(mount, `mkdir '${'x'.repeat(300)}'`), /too long/)

  const theirs = `${bucket}-theirs`
  if (!stranger) return skipped(t, 'the test has no other account here')
  await stranger(theirs)
  const said = await tried(mount, `mkdir '${theirs}'`)
  if (said === '') {
    await mount.sh(`rmdir '${theirs}'`)
    return skipped(t, 'each account has names of its own here')
  }
  t.match(said, /File exists/)
  t.match(await whyOf(scene, theirs), /taken/, 'with the reason')
  t.match(await mount.log(), /is taken/, 'in the log as well')
  t.notOk((await mount.sh('ls')).includes(theirs), 'and it is not shown')
}

async function whyOf({ mount }: Scene, name: string): Promise<string> {
  return (await mount.pailfs('why', `${mount.dir}/${name}`)).out
}

/** A bucket whose server says that it is elsewhere: asked there, and only this bucket. */
export async function regions(t: Test, { mount, scheme, proxy, other, bucket, mountMore }: Scene) {
  if (scheme !== 's3') return skipped(t, 'Swift has no regions of containers')
  const away = `${bucket}-away`
  await other.createBucket(away)
  await other.put(away, 'k', 'far')
  const moved = proxy.inject(
    { bucket: away, where: ({ headers }) => !isSignedFor(headers.authorization, 'eu-north-1') },
    {
      do: 'status',
      status: 301,
      code: 'PermanentRedirect',
      headers: { 'x-amz-bucket-region': 'eu-north-1' },
    },
    Infinity,
  )
  await sleep(1200)
  const read = await tried(mount, `cat '${away}/k'`)
  t.ok(moved.hits > 0, 'it was asked in the region of the options first')
  if (read === 'far') {
    await mount.sh(`cat '${away}/k'; echo new > '${away}/new'`)
    await flush(mount)
    t.equal(await other.get(away, 'new'), 'new\n')
    t.ok(moved.hits < 3, 'the region is kept')
    proxy.reset()
    await mount.sh(`echo near > '${bucket}/near'`)
    await flush(mount)
    const near = proxy.matching({ bucket, where: request => request.status < 300 })
    t.ok(near.length > 0)
    t.notOk(near.some(({ headers }) => isSignedFor(headers.authorization, 'eu-north-1')))
  } else skipped(t, 'this server takes signatures of its own region only')
  moved.remove()
  await other.put(away, 'k', 'far')
  const elsewhere = await mountMore({ env: { AWS_REGION: 'eu-nowhere-9' } })
  t.equal(await elsewhere.sh(`cat '${away}/k'`), 'far', 'a wrong region is put right')
  await elsewhere.sh(`rm -r '${away}'`)
  t.equal(await elsewhere.stop(), 0)
}

function isSignedFor(authorization: string | undefined, region: string): boolean {
  return authorization?.includes(`/${region}/`) ?? false
}
