/**
 * What other tools write is shown right, and what pailfs writes they read right: s3fs, rclone, aws and swift, each
 * where it is installed (PATH, or the folder in PAILFS_TEST_TOOLS).
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FAMILIES, swiftEnvironment, whyNot } from '../support/families.ts'
import { mountBucket, type Mount } from '../support/mount.ts'
import { awsEnvironment, type Server } from '../support/servers.ts'
import { program, sh } from '../support/shell.ts'

t.setTimeout(600_000)

const path = [process.env['PAILFS_TEST_TOOLS'], process.env['PATH']].filter(Boolean).join(':')
/** 2001-02-03 04:05:06.789 UTC */
const TIME = '981173106'
const TOUCH = '2001-02-03T04:05:06.789Z'

interface Scene {
  mount: Mount
  server: Server
  bucket: string
  /** A folder for the other tool. */
  work: string
  env: Record<string, string>
}

for (const kind of FAMILIES.filter(({ kind }) => kind !== 'swift-keystone')) {
  await t.test(kind.title, { skip: await whyNot(kind) }, async t => {
    t.setTimeout(200_000)
    const server = await kind.start()
    const own = kind.scheme === 's3' ? {} : swiftEnvironment(server)
    const source = `${kind.scheme}:`
    const args = ['--metadata-ttl=0']
    const mount = await mountBucket(t, { server, bucket: '', source, env: own, args })
    const work = await mkdtemp(join(tmpdir(), 'pailfs-interop-'))
    t.teardown(() => rm(work, { recursive: true, force: true }))
    const bucket = `inter-${randomBytes(5).toString('hex')}`
    await mount.sh(`mkdir ${bucket}`)
    const env = { PATH: path, HOME: work, ...awsEnvironment(server), ...swiftEnvironment(server) }
    const scene = { mount, server, bucket, work, env }
    const s3 = kind.scheme === 's3'
    await t.test('rclone', { skip: await missing('rclone') }, t => rclone(t, scene, s3))
    await t.test('s3fs', { skip: s3 ? await missing('s3fs') : 'S3 only' }, t => s3fs(t, scene))
    await t.test('aws', { skip: s3 ? await missing('aws') : 'S3 only' }, t => aws(t, scene))
    await t.test('swift', { skip: s3 ? 'Swift only' : await missing('swift') }, t =>
      swift(t, scene),
    )
    await mount.sh(`rm -r ${bucket}`)
  })
}

async function missing(tool: string): Promise<string | false> {
  const found = await program('sh', ['-c', `command -v ${tool}`], { env: { PATH: path } })
  return found.code === 0 ? false : `not installed: ${tool}`
}

async function rclone(t: Test, { mount, server, bucket, work, env }: Scene, s3: boolean) {
  const { s3: keys, swift: account } = server
  const remote: Record<string, string> = s3
    ? {
        TYPE: 's3',
        PROVIDER: 'Other',
        ENDPOINT: server.endpoint,
        ACCESS_KEY_ID: keys.accessKeyId,
        SECRET_ACCESS_KEY: keys.secretAccessKey,
      }
    : { TYPE: 'swift', AUTH: account.authUrl, USER: account.user, KEY: account.key }
  const config = Object.entries(remote).map(([name, value]) => [`RCLONE_CONFIG_R_${name}`, value])
  const access = { ...env, ...(Object.fromEntries(config) as Record<string, string>) }
  await mkdir(join(work, 'r'))
  await writeFile(join(work, 'r', 'theirs'), 'by rclone')
  await sh(`touch -d ${TOUCH} r/theirs; rclone copy r r:${bucket}`, { cwd: work, env: access })
  t.equal(await mount.sh(`cat ${bucket}/theirs`), 'by rclone')
  t.equal((await mount.sh(`stat -c %Y ${bucket}/theirs`)).trim(), TIME, 'its time')
  await mount.sh(`printf ours > ${bucket}/ours; touch -d ${TOUCH} ${bucket}/ours`)
  await flush(mount)
  await sh(`rclone copy r:${bucket}/ours back`, { cwd: work, env: access })
  t.equal(await sh('cat back/ours; stat -c " %Y" back/ours', { cwd: work }), `ours ${TIME}\n`)
}

async function s3fs(t: Test, { mount, server, bucket, work, env }: Scene) {
  const { accessKeyId, secretAccessKey } = server.s3
  const dir = join(work, 'fs')
  await mkdir(dir)
  const access = {
    ...env,
    AWSACCESSKEYID: accessKeyId,
    AWSSECRETACCESSKEY: secretAccessKey,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }
  const options = `url=${server.endpoint},use_path_request_style,stat_cache_expire=1`
  await sh(`s3fs ${bucket} fs -o ${options}`, { cwd: work, env: access })
  t.teardown(() => program('fusermount3', ['-uzq', dir]))
  await sh(`printf 'by s3fs' > f; chmod 640 f; mkdir d; ln -s f l; touch -d ${TOUCH} f; sync f`, {
    cwd: dir,
  })
  t.equal(await mount.sh(`cat ${bucket}/f`), 'by s3fs')
  t.equal((await mount.sh(`stat -c '%a %Y' ${bucket}/f`)).trim(), `640 ${TIME}`)
  t.equal((await mount.sh(`readlink ${bucket}/l; stat -c %F ${bucket}/d`)).trim(), 'f\ndirectory')
  await mount.sh(
    `cd ${bucket}; printf ours > o; chmod 600 o; touch -d ${TOUCH} o; mkdir od; ln -s o ol`,
  )
  await flush(mount)
  t.equal(await sh('cat o; stat -c " %a %Y" o', { cwd: dir }), `ours 600 ${TIME}\n`)
  t.equal((await sh('readlink ol; stat -c %F od', { cwd: dir })).trim(), 'o\ndirectory')
  await program('fusermount3', ['-u', dir])
}

async function aws(t: Test, { mount, bucket, work, env }: Scene) {
  const options = { cwd: work, env }
  await writeFile(join(work, 'page.html'), '<p>aws</p>')
  await sh(`aws s3 cp page.html s3://${bucket}/ --metadata k=v --cache-control max-age=1`, options)
  t.equal(await mount.sh(`cat ${bucket}/page.html`), '<p>aws</p>')
  t.equal(await mount.sh(`getfattr --only-values -n user.k ${bucket}/page.html`), 'v')
  t.match(await mount.sh(`getfattr --only-values -n pail.content-type ${bucket}/page.html`), /html/)
  await mount.sh(`head -c 20000000 /dev/urandom > ${bucket}/big`)
  await flush(mount)
  const sum = await mount.sh(`md5sum < ${bucket}/big`)
  await sh(`aws s3 cp --quiet s3://${bucket}/big big`, options)
  t.equal(await sh('md5sum < big', { cwd: work }), sum, 'a file in parts')
}

async function swift(t: Test, { mount, bucket, work, env }: Scene) {
  const { AWS_REGION: _, ...access } = env
  const options = { cwd: work, env: access }
  await sh(`head -c 3500000 /dev/urandom > big; touch -d ${TOUCH} big`, { cwd: work })
  const sum = await sh('md5sum < big', { cwd: work })
  await sh(`swift upload -S 1500000 ${bucket} big --object-name dlo`, options)
  await sh(`swift upload --use-slo -S 1500000 ${bucket} big --object-name slo`, options)
  for (const name of ['dlo', 'slo']) {
    t.equal((await mount.sh(`stat -c %s ${bucket}/${name}`)).trim(), '3500000', `${name}: size`)
    t.equal(await mount.sh(`md5sum < ${bucket}/${name}`), sum, `${name}: bytes`)
    t.equal((await mount.sh(`stat -c %Y ${bucket}/${name}`)).trim(), TIME, `${name}: time`)
  }
  t.notMatch(await mount.sh('ls'), new RegExp(`${bucket}_segments`), 'segments are hidden')
  await mount.sh(`head -c 20000000 /dev/urandom > ${bucket}/ours`)
  await flush(mount)
  await sh(`swift download ${bucket} ours`, options)
  t.equal(await sh('md5sum < ours', { cwd: work }), await mount.sh(`md5sum < ${bucket}/ours`))
}

async function flush(mount: Mount): Promise<void> {
  const done = await mount.pailfs('flush', mount.dir)
  if (done.code !== 0) throw new Error(done.err)
}
