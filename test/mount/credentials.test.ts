/** Where keys and addresses come from, through the real command on a real server, and that keys stay secret. */
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { place, type Place } from '../support/place.ts'
import { EXPIRED_TOKEN } from '../support/proxy-faults.ts'
import { RoleServer } from '../support/role-server.ts'
import { onServers, until, type Session } from '../support/session.ts'
import { tlsFront } from '../support/tls-front.ts'

t.setTimeout(300_000)

const HOUR = 3_600_000

interface Setting extends Place {
  /** Mounts in a clean environment but for what is given, reads, looks for secrets and unmounts. */
  works: (what: string, given: { env?: Record<string, string>; args?: string }) => Promise<void>
  /** A line in which no AWS variable is set but those given. */
  bare: (line: string, env?: Record<string, string>) => ReturnType<Place['run']>
  mount: string
}

async function setUp(t: Test, session: Session): Promise<Setting> {
  const { bucket, client, server } = session
  await client.put('f', 'content')
  const at = await place(t, session)
  const mount = `pailfs mount s3://${bucket} $DIR --no-supervise`
  const bare: Setting['bare'] = (line, env = {}) => {
    const given = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`)
    return at.run(['unset ${!AWS_*}', ...given, line].join('; '))
  }
  let checked = false
  const works: Setting['works'] = async (what, { env, args = '' }) => {
    const status = checked ? 'true' : 'pailfs status'
    checked = true
    const said = await bare(`${mount} ${args} && cat $DIR/f && ${status}`, env)
    t.match(said, { code: 0, out: /^content/, err: '' }, what)
    await keepsSecret(t, dirname(at.dir), said.out, [
      server.s3.secretAccessKey,
      ...['AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN'].flatMap(
        name => env?.[name] ?? [],
      ),
    ])
    t.match(await at.run('pailfs umount $DIR'), { code: 0 }, what)
  }
  return { ...at, works, bare, mount }
}

/** No secret in a file that pailfs made, in what it says, or in any command line. */
async function keepsSecret(t: Test, top: string, said: string, secrets: string[]): Promise<void> {
  const texts = [said]
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    // The test's own shell and second client are told the secret in their arguments.
    if (line.includes('pailfs.js') && !line.startsWith('bash')) texts.push(line)
  }
  t.ok(texts.length > 1, 'the daemon was seen')
  for (const folder of ['state', 'run']) {
    const found = await readdir(join(top, folder), { recursive: true, withFileTypes: true })
    for (const entry of found) {
      if (entry.isFile()) texts.push(await readFile(join(entry.parentPath, entry.name), 'latin1'))
    }
  }
  for (const secret of secrets) {
    t.notOk(
      texts.some(text => text.includes(secret)),
      'secrets stay secret',
    )
  }
}

await onServers('an authority of its own', async (t, session) => {
  const { bare, mount, works, dir } = await setUp(t, session)
  const tls = await tlsFront(t, dirname(dir), session.server.port)
  const { accessKeyId, secretAccessKey } = session.server.s3
  const env = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_ENDPOINT_URL: tls.endpoint,
  }
  await works('--ca-bundle', { env, args: `--ca-bundle ${tls.authority}` })
  await works('AWS_CA_BUNDLE, a relative path', { env: { ...env, AWS_CA_BUNDLE: 'authority.pem' } })
  await works('--no-verify-ssl', { env, args: '--no-verify-ssl' })
  const refused = { code: 5, err: /certificate.*--ca-bundle/s }
  t.match(await bare(mount, env), refused, 'not trusted by itself')
  t.match(await bare(`${mount} --ca-bundle ${tls.stranger}`, env), refused, 'another authority')
  const wrong = async (path: string, why: RegExp): Promise<void> =>
    void t.match(await bare(`${mount} --ca-bundle ${path}`, env), { code: 2, err: why }, path)
  await wrong('/missing.pem', /--ca-bundle: \/missing.pem cannot be read\n {2}\S/)
  await wrong('/etc/hostname', /no certificate in it\n {2}\S/)
  const plain = { ...env, AWS_ENDPOINT_URL: session.server.endpoint.replace('http:', 'https:') }
  t.match(await bare(mount, plain), { code: 5, err: /\n {2}No TLS is spoken there/ })
}, ['swift']) // prettier-ignore

await onServers('files and programs with keys', async (t, session) => {
  const { run, bare, works, mount } = await setUp(t, session)
  const { endpoint, s3 } = session.server
  await run(`cat >$HOME/.aws/config <<X
[default]
region = ${s3.region}
services = here
[services here]
s3 =
  endpoint_url = ${endpoint}
[profile process]
credential_process = $HOME/keys
endpoint_url = ${endpoint}
[profile chained]
source_profile = nowhere
X
cat >$HOME/.aws/credentials <<X
[default]
aws_access_key_id = ${s3.accessKeyId}
aws_secret_access_key = ${s3.secretAccessKey}
[half]
aws_access_key_id = ${s3.accessKeyId}
aws_secret_access_key = ${s3.secretAccessKey}
X
cat >$HOME/keys <<X
#!/bin/sh
echo '{"Version": 1, "AccessKeyId": "${s3.accessKeyId}", "SecretAccessKey": "${s3.secretAccessKey}"}'
X
chmod 700 $HOME/keys; mkdir other; mv $HOME/.aws/credentials other/keys
cp other/keys $HOME/.aws/credentials`)
  const elsewhere = 'http://127.0.0.1:9'
  await works('the default profile, an address in its services section', {})
  await works('AWS_PROFILE, credential_process', { env: { AWS_PROFILE: 'process' } })
  await works('the environment before a profile for the address', {
    env: { AWS_ENDPOINT_URL_S3: endpoint, AWS_ENDPOINT_URL: elsewhere },
    args: '--profile half',
  })
  await works('the option before all', {
    env: { AWS_ENDPOINT_URL_S3: elsewhere },
    args: `--endpoint-url ${endpoint}`,
  })
  await works('--profile before keys in the environment', {
    env: { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' },
    args: '--profile process',
  })
  await run('rm $HOME/.aws/credentials')
  await works('AWS_SHARED_CREDENTIALS_FILE, a relative path', {
    env: { AWS_SHARED_CREDENTIALS_FILE: 'other/keys' },
  })
  t.match(await bare(`${mount} --profile nobody`), {
    code: 2,
    err: /no profile "nobody"\n {2}.*\.aws\/config/,
  })
  const off = { AWS_EC2_METADATA_DISABLED: 'true' }
  const none = { code: 5, err: /credentials.*\n {2}.*AWS_ACCESS_KEY_ID.*--profile/s }
  t.match(await bare(mount, off), none, 'no keys anywhere')
  t.match(await bare(`${mount} --profile chained --endpoint-url ${endpoint}`, off), none)
}, ['swift']) // prettier-ignore

await onServers('roles of containers and instances', async (t, session) => {
  const { works, bare, mount } = await setUp(t, session)
  const { accessKeyId, secretAccessKey } = session.server.s3
  const keys = { accessKeyId, secretAccessKey, sessionToken: 'session-of-the-role', lifetime: HOUR }
  const role = await RoleServer.start(t, () => keys)
  const address = { AWS_ENDPOINT_URL: session.server.endpoint }
  const container = {
    ...address,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${role.address}/container`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: role.containerToken,
  }
  await works('a container', { env: container })
  t.equal(role.issued, 1)
  await works('an instance', {
    env: { ...address, AWS_EC2_METADATA_SERVICE_ENDPOINT: role.address },
  })
  t.equal(role.issued, 2)
  const wrong = { ...container, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'wrong' }
  t.match(await bare(mount, wrong), { code: 5, err: /credentials.*\n {2}\S/s })
}, ['swift']) // prettier-ignore

await onServers('keys that run out are renewed', async (t, session) => {
  const { proxy, mount, client, server } = session
  await client.putMany(['a', 'b', 'c'], 'content')
  // The first ones are taken back by the server, the next run out by themselves.
  const role = await RoleServer.start(t, issue => ({
    ...server.s3,
    sessionToken: `session-${issue}`,
    lifetime: issue === 2 ? 64_000 : HOUR,
  }))
  const env = {
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${role.address}/container`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: role.containerToken,
  }
  const m = await mount({ env, args: ['--metadata-ttl=0', '--write-back=100ms'] })
  t.equal(await m.sh('cat a'), 'content')
  t.equal(role.issued, 1)
  const tokenIs = (wanted: string) => (request: { headers: object }) =>
    Object.entries(request.headers).some(
      ([name, value]) => name === 'x-amz-security-token' && value === wanted,
    )
  proxy.inject({ where: tokenIs('session-1') }, EXPIRED_TOKEN, 1e6)
  t.equal(await m.sh('cat b; echo new >new; ls'), 'contenta\nb\nc\nnew\n', 'nobody notices')
  await until('it is written', async () => (await client.keys()).includes('new'))
  await until('the second ones were replaced in time', async () => {
    await m.sh('ls; cat c')
    return role.issued > 2
  })
  proxy.inject({ where: tokenIs('session-2') }, EXPIRED_TOKEN, 1e6)
  t.equal(await m.sh('cat c a; echo newer >new; cat new'), 'contentcontentnewer\n')
  await until('it is written', async () => (await client.get('new')).toString() === 'newer\n')
  const log = await m.log()
  t.notMatch(log, /session-\d/)
  t.notMatch(log, server.s3.secretAccessKey)
  t.notMatch(log, / error /, 'no failure to tell of')
}, ['swift']) // prettier-ignore
