/** rclone, over S3 and over Swift: its copies and its large objects, and what it reads of ours, also as a mount. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { program, sh } from '../../support/shell.ts'
import { TIME, TOUCH, type Scene } from './scene.ts'

export async function rclone(t: Test, scene: Scene) {
  const { s3, bucket, work, ours, flush, keys } = scene
  const access = accessOf(scene)
  const tool = (command: string) => scene.tool(command, access)
  await mkdir(join(work, 'r'))
  await tool(`printf 'by rclone' > r/theirs; ln -s theirs r/link
    head -c 3500000 /dev/urandom > r/large; touch -d ${TOUCH} r/*
    rclone copy --links --swift-chunk-size 1Mi r r:${bucket}`)
  t.equal(await ours('cat theirs'), 'by rclone')
  t.equal((await ours('stat -c %.3Y theirs')).trim(), `${TIME}.789`, 'its time')
  t.equal(await ours('md5sum < large'), await tool('md5sum < r/large'))
  t.equal((await ours('stat -c "%s %Y" large')).trim(), `3500000 ${TIME}`)
  t.equal(await ours('cat link.rclonelink'), 'theirs', 'a link as rclone keeps it')
  if (!s3) t.equal((await keys(`${bucket}_segments`)).length, 4, 'it is a large object')
  await ours('mv large other; mkdir d; mv theirs d; rm other link.rclonelink')
  await flush()
  t.same(await keys(`${bucket}${s3 ? '' : '_segments'}`), s3 ? ['d/', 'd/theirs'] : [])

  await ours(`printf ours > d/o; touch -d ${TOUCH} d/o; mkdir d/empty
    head -c 12000000 /dev/urandom > d/large`)
  await flush()
  await tool(`rclone copy r:${bucket}/d back`)
  t.equal(await tool('cat back/o; stat -c " %.3Y" back/o'), `ours ${TIME}.789\n`)
  t.equal(await tool('md5sum < back/large'), await ours('md5sum < d/large'))
  const listed = (await tool(`rclone lsf --format s r:${bucket}/d/large`)).trim()
  if (listed === '12000000') await tool(`rclone check --download back r:${bucket}/d`)
  else t.comment(`no rclone check: the server lists a large object with ${listed} bytes`)
  t.match(await tool(`rclone lsf r:${bucket}/d`), /^empty\/$/m, 'an empty directory')

  const dir = join(work, 'rclone')
  await mkdir(dir)
  await tool(`rclone mount r:${bucket}/d rclone --read-only --daemon --daemon-timeout 30s`)
  t.teardown(() => program('fusermount3', ['-uzq', dir]))
  t.equal(await sh('cat o; stat -c " %Y" o', { cwd: dir }), `ours ${TIME}\n`, 'mounted')
  t.equal(await sh('md5sum < large', { cwd: dir }), await ours('md5sum < d/large'))
  t.equal((await sh('ls', { cwd: dir })).trim(), 'empty\nlarge\no\ntheirs')
  await program('fusermount3', ['-u', dir])
  await ours('rm -r d')
  await flush()
  t.same(await keys(), [])
}

function accessOf({ s3, server }: Scene): Record<string, string> {
  const { s3: keys, swift } = server
  const remote: Record<string, string> = s3
    ? {
        TYPE: 's3',
        PROVIDER: 'Other',
        ENDPOINT: server.endpoint,
        ACCESS_KEY_ID: keys.accessKeyId,
        SECRET_ACCESS_KEY: keys.secretAccessKey,
      }
    : { TYPE: 'swift', AUTH: swift.authUrl, USER: swift.user, KEY: swift.key }
  const config = Object.entries(remote).map(([name, value]) => [`RCLONE_CONFIG_R_${name}`, value])
  // Its S3 library does not take this machine's.
  return { ...(Object.fromEntries(config) as Record<string, string>), AWS_CA_BUNDLE: '' }
}
