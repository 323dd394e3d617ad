/** Pending changes of a bucket never go to a bucket of the same name on another server. */
import t from 'tap'
import { createConfig } from '../../src/mount/config.ts'
import { profileEndpoint, serverIdentity } from '../../src/mount/endpoint.ts'
import { bucketFolder } from '../../src/mount/folders.ts'

const CONFIG = `[default]
region = us-east-1
[profile rgw]
endpoint_url = http://rgw:7480
[profile both]
services = local
endpoint_url = http://all
[services local]
dynamodb =
  endpoint_url = http://no
s3 =
  endpoint_url = http://s3
`

const config = (source: string, more = {}) =>
  createConfig({ source, mountPoint: '/m', stateDir: '/state', ...more }, { uid: 0, gid: 0 })

t.test('a profile has an endpoint', async t => {
  t.equal(profileEndpoint('default', CONFIG), undefined)
  t.equal(profileEndpoint('rgw', CONFIG), 'http://rgw:7480')
  t.equal(profileEndpoint('both', CONFIG), 'http://s3')
  t.equal(profileEndpoint('none', CONFIG), undefined)
})

t.test('the same bucket on two servers has two journals, however the server was named', async t => {
  const none = { AWS_CONFIG_FILE: '/nowhere' }
  const folder = (env: object, more = {}) =>
    bucketFolder(config('s3://b', more), { ...none, ...env })
  const one = folder({ AWS_ENDPOINT_URL: 'http://one' })
  t.equal(folder({}, { endpointUrl: 'http://one/' }), one)
  t.equal(folder({ AWS_ENDPOINT_URL_S3: 'http://one', AWS_ENDPOINT_URL: 'http://two' }), one)
  t.not(folder({ AWS_ENDPOINT_URL: 'http://two' }), one)
  t.not(folder({}), one)
})

t.test('two accounts of one Swift are two servers', async t => {
  const of = (env: Record<string, string>) => serverIdentity(config('swift://b'), env)
  t.not(of({ ST_AUTH: 'http://a', ST_USER: 'x:y' }), of({ ST_AUTH: 'http://a', ST_USER: 'z:y' }))
  t.not(of({ OS_CLOUD: 'a' }), of({ OS_CLOUD: 'b' }))
})
