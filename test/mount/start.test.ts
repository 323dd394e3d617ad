/** The command itself on real servers: starting, and the reasons when it can't. */
import t from 'tap'
import { isMounted, place } from '../support/place.ts'
import { onServers } from '../support/session.ts'

t.setTimeout(300_000)

await onServers('mount, umount, mount again', async (t, session) => {
  const { bucket, client } = session
  const { dir, run } = await place(t, session)
  await client.putMany(['a', 'sub/b'], 'content')
  t.match(await run(`pailfs mount s3://${bucket} $DIR --path-style`), { code: 0, out: '', err: '' })
  t.match(await run('ls $DIR; cat $DIR/sub/b; df -h $DIR | tail -1'), { out: /^a\nsub\ncontent/ })
  const [, inodes, used, free] = (await run('df -i $DIR | tail -1')).out.split(/\s+/).map(Number)
  t.equal(inodes, (used ?? NaN) + (free ?? NaN), 'df -i counts')
  t.match(await run('pailfs status'), { code: 0, out: new RegExp(`s3://${bucket}`) })
  await run('echo new >$DIR/new')
  t.match(await run('cd $DIR && pailfs umount $DIR'), { code: 6, err: /in use/ })
  t.ok(await isMounted(dir), 'a busy mount stays')
  t.match(await run('pailfs umount $DIR'), { code: 0 })
  t.notOk(await isMounted(dir))
  t.equal((await client.get('new')).toString(), 'new\n', 'everything is in the bucket')
  const options = 'ro,path_style'
  t.match(await run(`pailfs mount s3://${bucket}/sub/ $DIR -o ${options}`), { code: 0 })
  t.match(await run('ls $DIR; echo x >$DIR/b'), { out: 'b\n', err: /Read-only file system/ })
  t.match(await run('pailfs umount $DIR'), { code: 0 })
})

await onServers('credentials and address as AWS tools take them', async (t, session) => {
  const { bucket, server, client } = session
  const { run } = await place(t, session)
  await client.put('f', 'content')
  const none = {
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_ENDPOINT_URL: '',
    AWS_REGION: '',
    AWS_DEFAULT_REGION: '',
  }
  const { accessKeyId, secretAccessKey, region } = server.s3
  await run(`cat >$HOME/.aws/config <<X
[profile there]
region = ${region}
endpoint_url = ${server.endpoint}
s3 =
    addressing_style = path
X
cat >$HOME/.aws/credentials <<X
[there]
aws_access_key_id = ${accessKeyId}
aws_secret_access_key = ${secretAccessKey}
X`)
  const works = async (line: string, env: Record<string, string>): Promise<void> => {
    t.match(await run(`${line} && cat $DIR/f`, env), { code: 0, out: 'content', err: '' }, line)
    t.match(await run('pailfs umount $DIR', env), { code: 0 })
  }
  const mount = `pailfs mount s3://${bucket} $DIR`
  await works(`unset \${!AWS_*}; ${mount} --profile there --path-style`, {})
  await works(`unset \${!AWS_*}; export AWS_PROFILE=there; ${mount} --path-style`, {})
  await works(`${mount} --path-style --endpoint-url ${server.endpoint} --region ${region}`, {
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  })
  t.match(
    await run(`unset \${!AWS_*}; ${mount} --path-style --endpoint-url ${server.endpoint}`, {
      ...none,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    { code: 5, err: /credentials/i },
  )
})

await onServers('no mount, and why', async (t, session) => {
  const { bucket, server } = session
  const { dir, run } = await place(t, session)
  const mount = `pailfs mount s3://${bucket} $DIR --path-style`
  const bad = async (
    line: string,
    code: number,
    why: RegExp,
    env: Record<string, string> = {},
  ): Promise<void> => {
    const said = await run(line, env)
    t.match(said, { code, err: why }, line)
    t.match(said.err, /\n {2}\S/, 'and what to do')
    t.notMatch(said.err, server.s3.secretAccessKey)
    t.notOk(await isMounted(dir))
  }
  await bad(mount, 5, /credentials|denied|signature|key/i, { AWS_ACCESS_KEY_ID: 'nobody:here' })
  await bad(mount, 5, /credentials|denied|signature/i, { AWS_SECRET_ACCESS_KEY: 'wrong-secret' })
  await bad(mount.replace(bucket, 'no-such-bucket-here'), 5, /bucket/i)
  await bad(mount, 5, /refused|connect|reach|answer/i, { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' })
  await bad(mount, 5, /address|resolve|reach|found|answer/i, {
    AWS_ENDPOINT_URL: 'http://nowhere.invalid',
  })
  await bad(mount.replace('$DIR', '$DIR/missing'), 4, /does not exist/)
  await bad(`touch $DIR/file; ${mount}`, 4, /not empty/)
  await bad(`rm $DIR/file; ${mount} --nonsense`, 2, /nonsense/)
  t.match(await run(mount), { code: 0 })
  t.match(await run(mount), { code: 4, err: /mount already/ })
})

await onServers(
  'a public bucket without credentials',
  async (t, session) => {
    const { bucket, client } = session
    const { run } = await place(t, session)
    await client.call('put_object', { Key: 'f', Body: Buffer.from('public'), ACL: 'public-read' })
    await client.call('put_bucket_acl', { ACL: 'public-read' })
    t.match(
      await run(
        `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; pailfs mount s3://${bucket} $DIR --path-style --no-sign-request -o ro && cat $DIR/f`,
      ),
      { code: 0, out: 'public' },
    )
  },
  ['rgw'],
)
