/** Config: complete, frozen, and refusing what cannot be. */
import t from 'tap'
import { createConfig, parseSource } from '../../src/mount/config.ts'
import {
  bucketFolder,
  mountId,
  runFolders,
  socketPath,
  stateRoot,
} from '../../src/mount/folders.ts'

const ME = { uid: 1000, gid: 100 }
const INPUT = { source: 's3://b', mountPoint: '/mnt' }

t.test('sources', async t => {
  t.same(parseSource('s3://bucket'), {
    family: 's3',
    bucket: 'bucket',
    prefix: '',
    text: 's3://bucket',
  })
  t.match(parseSource('s3://bucket/'), { prefix: '', text: 's3://bucket' })
  t.match(parseSource('swift://c/a/b'), {
    family: 'swift',
    bucket: 'c',
    prefix: 'a/b/',
    text: 'swift://c/a/b',
  })
  t.match(parseSource('s3://c/a b/ü/'), { prefix: 'a b/ü/' })
  t.match(parseSource('s3:'), { family: 's3', bucket: '', prefix: '', text: 's3:' })
  t.match(parseSource('swift:'), { family: 'swift', bucket: '', text: 'swift:' })
  for (const bad of [
    '',
    'bucket',
    's3:bucket',
    's3://',
    's3:///x',
    'http://b',
    's3://b//x',
    's3://b/x//',
  ]) {
    t.throws(() => parseSource(bad), { name: 'ConfigError' }, bad)
  }
})

t.test('defaults', async t => {
  const config = createConfig(INPUT, ME)
  t.match(config, {
    readOnly: false,
    metadataTtl: 60_000,
    writeBack: 1000,
    fsync: 'bucket',
    cacheSize: 2 ** 28,
    owner: { uid: 1000, gid: 100, fileMode: 0o644, dirMode: 0o755 },
    kernel: { attrTimeout: 0, entryTimeout: 1000, xattr: true },
    store: { signRequest: true },
  })
  t.throws(() => Object.assign(config.store, { region: 'x' }), TypeError, 'frozen')
  t.equal(createConfig({ ...INPUT, metadataTtl: 0 }, ME).kernel.entryTimeout, 0)
  t.notOk('region' in config.store, 'what was not said is absent')
})

t.test('what cannot be', async t => {
  const bad = [
    { partSize: 1 },
    { cacheSize: 0 },
    { maxConnections: 0 },
    { readTimeout: 1e9 },
    { uid: 2 ** 32 },
    { endpointUrl: 'ftp://x' },
    { endpointUrl: 'http://u:p@x' },
    { profile: 'p', signRequest: false },
    { source: 'swift://c', pathStyle: true },
    { source: 'swift://c', storageClass: 'x' },
    { osCloud: 'x' },
  ]
  for (const part of bad)
    t.throws(
      () => createConfig({ ...INPUT, ...part }, ME),
      { name: 'ConfigError' },
      JSON.stringify(part),
    )
})

t.test('folders', async t => {
  const env = { XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/r' }
  t.equal(stateRoot(env), '/s/pailfs')
  t.same(runFolders(env), ['/r/pailfs', '/s/pailfs/run'])
  t.same(runFolders({ XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: 'relative' }), ['/s/pailfs/run'])
  const folder = (input: object) => bucketFolder(createConfig({ ...INPUT, ...input }, ME), env)
  t.match(folder({}), /^\/s\/pailfs\/s3-b-[0-9a-f]{16}$/)
  t.equal(folder({}), folder({ mountPoint: '/elsewhere', readTimeout: 5000 }), 'the bucket decides')
  t.not(folder({}), folder({ endpointUrl: 'http://h' }))
  t.not(folder({}), folder({ source: 's3://b/p' }))
  t.match(folder({ stateDir: '/d' }), /^\/d\/s3-b-/)
  t.match(socketPath('/r', '/mnt'), `/r/${mountId('/mnt')}.sock`)
  t.throws(() => socketPath(`/${'r'.repeat(100)}`, '/mnt'), { name: 'ConfigError' })
})
