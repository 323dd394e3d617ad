/** A cloud of clouds.yaml, by `--os-cloud` and by `OS_CLOUD`, through a mount of a Swift behind Keystone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { FAMILIES, openFamily, whyNot } from '../support/families.ts'
import { mountBucket } from '../support/mount.ts'
import { flush } from '../support/session.ts'

t.setTimeout(300_000)
const kind = FAMILIES.find(({ kind }) => kind === 'swift-keystone')!

await t.test('clouds.yaml', { skip: await whyNot(kind) }, async t => {
  const { server, other } = await openFamily(t, kind)
  const folder = await mkdtemp(join(tmpdir(), 'pailfs-clouds-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { swift } = server
  const { project, userDomain, projectDomain, region } = swift.keystone!
  const auth = {
    auth_url: swift.authUrl,
    username: swift.user,
    password: swift.key,
    project_name: project,
    user_domain_id: userDomain,
    project_domain_id: projectDomain,
  }
  const wrong = { ...auth, password: 'wrong' }
  const clouds = {
    mine: { auth, region_name: region },
    other: { auth: wrong, region_name: region },
  }
  const OS_CLIENT_CONFIG_FILE = join(folder, 'clouds.yaml')
  await writeFile(OS_CLIENT_CONFIG_FILE, stringify({ clouds }), { mode: 0o600 })
  await other.createBucket('by-cloud')
  const start = (cloud: string, args: readonly string[] = [], env: Record<string, string> = {}) =>
    mountBucket(t, {
      server,
      bucket: '',
      source: 'swift://by-cloud',
      endpoint: server.endpoint,
      args,
      env: { OS_CLIENT_CONFIG_FILE, ...env },
    }).then(async m => {
      await m.sh(`echo ${cloud} >${cloud}`)
      await flush(m)
      return m
    })
  const first = await start('option', ['--os-cloud=mine'])
  const second = await start('variable', [], { OS_CLOUD: 'mine' })
  t.equal(await second.sh('cat option; ls'), 'option\noption\nvariable\n')
  t.equal(await first.stop(), 0)
  const refused = await start('refused', ['--os-cloud=other']).catch(String)
  t.match(refused, /Authenticate: 401 The request you have made requires authentication/)
  t.notMatch(refused, /wrong|not-so-secret/)
  t.match(await start('nowhere', ['--os-cloud=nowhere']).catch(String), /nowhere.*clouds\.yaml/s)
})
