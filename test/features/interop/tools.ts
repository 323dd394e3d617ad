/** Command-line tools: aws, s3cmd and gsutil over S3, swift over Swift; both directions. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { TIME, TOUCH, type Scene } from './scene.ts'

export async function aws(t: Test, { bucket, tool, ours, flush }: Scene) {
  await tool(`printf '<p>aws</p>' > page.html; mkdir -p tree/sub; printf x > tree/sub/f
    aws --endpoint-url $AWS_ENDPOINT_URL s3 cp page.html s3://${bucket}/ --metadata k=v --cache-control max-age=1
    aws --endpoint-url $AWS_ENDPOINT_URL s3 sync tree s3://${bucket}/tree`)
  t.equal(await ours('cat page.html'), '<p>aws</p>')
  t.equal(await ours('getfattr --only-values -n user.k page.html'), 'v')
  t.match(await ours('getfattr --only-values -n pail.content-type page.html'), /html/)
  t.equal(await ours('cat tree/sub/f'), 'x')
  await ours('head -c 12000000 /dev/urandom > big; mkdir tree/empty; printf y > tree/ours')
  await flush()
  await tool(
    `aws --endpoint-url $AWS_ENDPOINT_URL s3 cp --quiet s3://${bucket}/big big; aws --endpoint-url $AWS_ENDPOINT_URL s3 sync s3://${bucket}/tree tree`,
  )
  t.equal(await tool('md5sum < big'), await ours('md5sum < big'), 'a file in parts')
  t.equal(await tool('cat tree/ours'), 'y')
  await ours('rm -r big page.html tree')
  await flush()
}

export async function s3cmd(t: Test, scene: Scene) {
  const { server, bucket, tool, ours, flush, keys } = scene
  const { accessKeyId, secretAccessKey, region } = server.s3
  const { host } = new URL(server.endpoint)
  await writeFile(
    join(scene.work, 's3cfg'),
    `[default]
access_key = ${accessKeyId}
secret_key = ${secretAccessKey}
host_base = ${host}
host_bucket = ${host}
bucket_location = ${region}
use_https = False
multipart_chunk_size_mb = 5
`,
  )
  const run = (words: string) => tool(`s3cmd -c s3cfg --no-progress ${words}`)
  await tool(`printf 'by s3cmd' > c; chmod 640 c; touch -d ${TOUCH} c
    head -c 12000000 /dev/urandom > large; mkdir back`)
  await run(`put --preserve c large s3://${bucket}/`)
  t.equal(await ours('cat c'), 'by s3cmd')
  t.equal((await ours(`stat -c '%a %Y' c`)).trim(), `640 ${TIME}`)
  t.equal(await ours('md5sum < large'), await tool('md5sum < large'))
  await ours('chmod 600 c; touch -d @1000000000 c; printf ours > o; chmod 640 o')
  await flush()
  await run(`sync --preserve s3://${bucket}/ back/`)
  t.equal((await tool(`stat -c '%a %Y' back/c`)).trim(), '600 1000000000', 'its own attributes')
  t.equal(await tool('cat back/o'), 'ours')
  await ours('rm c large o')
  await flush()
  t.same(await keys(), [])
}

export async function gsutil(t: Test, scene: Scene) {
  const { server, bucket, tool, ours } = scene
  const { accessKeyId, secretAccessKey } = server.s3
  const { hostname, port } = new URL(server.endpoint)
  await writeFile(
    join(scene.work, 'boto'),
    `[Credentials]
aws_access_key_id = ${accessKeyId}
aws_secret_access_key = ${secretAccessKey}
s3_host = ${hostname}
s3_port = ${port}
[Boto]
is_secure = False
[s3]
calling_format = boto.s3.connection.OrdinaryCallingFormat
use-sigv4 = False
`,
  )
  await tool(
    `printf 'by gsutil' > g; chmod 640 g; touch -d ${TOUCH} g; gsutil -q cp -P g s3://${bucket}/g`,
    { BOTO_CONFIG: join(scene.work, 'boto'), CLOUDSDK_CONFIG: scene.work },
  )
  t.equal(await ours(`cat g; stat -c ' %a %Y' g`), `by gsutil 640 ${TIME}\n`)
  await ours('rm g')
}

export async function swift(t: Test, { mount, bucket, tool, ours, flush, keys }: Scene) {
  const below = `${bucket}_segments`
  await tool(`head -c 3500000 /dev/urandom > big; mkdir -p up/empty; printf x > up/f
    touch -d ${TOUCH} big up/f up/empty`)
  const sum = await tool('md5sum < big')
  await tool(`swift upload -S 1500000 ${bucket} big --object-name dlo
    swift upload --use-slo -S 1500000 ${bucket} big --object-name slo
    swift upload ${bucket} up`)
  const manifest = await tool(`eval $(swift auth)
    curl -sS -H "X-Auth-Token: $OS_AUTH_TOKEN" \
      "$OS_STORAGE_URL/${bucket}/slo?multipart-manifest=get"`)
  for (const name of ['dlo', 'slo']) {
    t.equal((await ours(`stat -c '%s %Y' ${name}`)).trim(), `3500000 ${TIME}`, name)
    t.equal(await ours(`md5sum < ${name}`), sum, `${name}: bytes`)
  }
  t.equal((await ours(`stat -c '%F %Y' up/empty; cat up/f`)).trim(), `directory ${TIME}\nx`)
  t.notMatch(await mount.sh('ls'), new RegExp(below), 'segments are hidden')
  await ours('mv dlo dlo2; mv slo slo2; mv up up2')
  await flush()
  t.equal(await ours('md5sum < dlo2'), sum)
  t.equal((await keys(below)).filter(key => !key.startsWith('.pailfs/')).length, 6)
  await ours(`rm -r dlo2 slo2 up2; head -c 12000000 /dev/urandom > ours; printf s > small
    touch -d ${TOUCH} small; mkdir d`)
  await flush()
  t.same(await keys(), ['d/', 'ours', 'small'], 'and what it made is gone')
  const left = (await keys(below)).filter(key => !key.startsWith('.pailfs/'))
  if (manifest.includes('/00000001')) t.same(left, [], 'with all segments')
  else t.pass('segments', { skip: 'the server does not tell which segments are whose' })
  await tool(`swift download ${bucket} ours small`)
  t.equal(await tool('md5sum < ours'), await ours('md5sum < ours'))
  t.equal((await tool('cat small; stat -c " %Y" small')).trim(), `s ${TIME}`)
  await ours('rm -r d ours small')
  await flush()
}
