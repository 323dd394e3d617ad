/** `-o`, the table of options, and which place wins. */
import t from 'tap'
import { parseDashO } from '../../src/cli/dash-o.ts'
import { helperArguments } from '../../src/cli/mount-helper.ts'
import { MOUNT_OPTIONS } from '../../src/cli/option-table.ts'
import { readOptions } from '../../src/cli/options.ts'

const usage = { name: 'UsageError' }

t.test('-o as in fstab', async t => {
  const { values, flags } = parseDashO([
    'rw,_netdev,noauto,user,x-systemd.automount,nofail,noatime,noexec',
    'allow_other,metadata_ttl=5m,endpoint-url=http://h:1/a\\,b,ro,fmode=600',
  ])
  t.same(Object.fromEntries(values), {
    'allow-other': '',
    'metadata-ttl': '5m',
    'endpoint-url': 'http://h:1/a,b',
    'read-only': '',
    'file-mode': '600',
  })
  t.same(flags, ['noatime', 'noexec'])
  t.same([...parseDashO(['']).values], [])
  t.throws(() => parseDashO(['stagging_limit=3']), usage)
  t.throws(() => parseDashO(['metadata_ttl']), { message: /value is missing/ })
  t.throws(() => parseDashO(['umask=022']), usage, 'no option is passed to libfuse unseen')
})

t.test('every option can be given in every place', async t => {
  for (const option of MOUNT_OPTIONS) {
    const text = {
      size: '64MiB',
      duration: '7s',
      mode: '600',
      count: '9',
      flag: 'true',
      text: option.choices?.[0] ?? 'x',
    }[option.kind]
    const expected = {
      size: 67108864,
      duration: 7000,
      mode: 0o600,
      count: 9,
      flag: option.sets ?? !option.name.startsWith('no-'),
      text,
    }[option.kind]
    const none = { line: {}, dashO: new Map<string, string>(), env: {} }
    const variable = `PAILFS_${option.name.toUpperCase().replaceAll('-', '_')}`
    t.same(
      readOptions({ ...none, line: { [option.name]: text } }),
      { [option.key]: expected },
      `--${option.name}`,
    )
    t.same(readOptions({ ...none, dashO: new Map([[option.name, text]]) }), {
      [option.key]: expected,
    })
    t.same(
      readOptions({ ...none, env: { [variable]: text } }),
      { [option.key]: expected },
      variable,
    )
    if (option.kind !== 'text') {
      t.throws(() => readOptions({ ...none, env: { [variable]: 'bad!' } }), {
        name: 'UsageError',
        message: new RegExp(variable),
      })
    }
  }
})

t.test('the line wins over -o, -o over the environment', async t => {
  const sources = {
    line: { 'part-size': '7MiB', 'no-path-style': true },
    dashO: new Map([['part-size', '6MiB'], ['fsync', 'journal'], ['path-style', '']]), // prettier-ignore
    env: {
      PAILFS_PART_SIZE: '5MiB',
      PAILFS_FSYNC: 'bucket',
      PAILFS_REGION: 'eu',
      PAILFS_UNKNOWN: 'x',
    },
  }
  t.same(readOptions(sources), {
    partSize: 7 * 2 ** 20,
    fsync: 'journal',
    region: 'eu',
    pathStyle: false,
  })
  t.throws(
    () =>
      readOptions({
        line: { 'path-style': true, 'no-path-style': true },
        dashO: new Map(),
        env: {},
      }),
    usage,
  )
  t.throws(() => readOptions({ line: { fsync: 'never' }, dashO: new Map(), env: {} }), {
    message: /bucket, journal/,
  })
})

t.test('the helper of mount(8)', async t => {
  t.same(helperArguments(['s3://b', '/mnt', '-o', 'rw,_netdev', '-s', '-n']), [
    'mount',
    's3://b',
    '/mnt',
    '-o',
    'rw,_netdev',
  ])
  t.same(helperArguments(['s3://b', '/mnt', '-o', 'ro', '-t', 'fuse.pailfs', '-N', 'ns']), [
    'mount',
    's3://b',
    '/mnt',
    '-o',
    'ro',
  ])
  t.equal(helperArguments(['s3://b', '/mnt', '-f']), undefined)
})
