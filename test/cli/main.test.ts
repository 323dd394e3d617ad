/** The command line without any mount: help, mistakes, exit codes. */
import t from 'tap'
import { EXIT, forMountHelper } from '../../src/cli/exit.ts'
import { explain } from '../../src/cli/errors.ts'
import { main } from '../../src/cli/main.ts'
import { FsError, StoreError } from '../../src/core/errors.ts'

async function run(...argv: string[]) {
  const said = { out: '', err: '' }
  const code = await main(argv, {
    out: text => void (said.out += text),
    err: text => void (said.err += text),
    env: { XDG_STATE_HOME: '/nonexistent', XDG_RUNTIME_DIR: '/nonexistent' },
    script: '/nonexistent',
  })
  return { code, ...said }
}

t.test('help and version', async t => {
  const help = await run('--help')
  t.match(help, { code: EXIT.ok, err: '' })
  for (const name of ['mount', 'umount', 'status', 'flush', 'why', 'url'])
    t.match(help.out, `pailfs ${name}`)
  t.match(await run('mount', '--help'), { code: EXIT.ok, out: /--metadata-ttl .*60 s/ })
  t.match(await run('--version'), { code: EXIT.ok, out: /^\d+\.\d+\.\d+\n$/ })
})

t.test('mistakes say what is wrong, where, and what to do', async t => {
  const cases: [string[], RegExp][] = [
    [[], /What shall be done\?\n {2}See pailfs --help/],
    [['frobnicate'], /Unknown command: frobnicate\n {2}See pailfs --help/],
    [['mount'], /^pailfs: <source> and <dir> are missing: pailfs mount <source> <dir>$/m],
    [['mount', 's3://b'], /^pailfs: <dir> is missing/],
    [['mount', 'bucket', '/tmp'], /"bucket" is not a bucket\n {2}Write s3:\/\/BUCKET/],
    [
      ['mount', 's3://b', '/tmp', '--sped=3'],
      /Unknown argument: sped\n {2}See pailfs mount --help/,
    ],
    [
      ['mount', 's3://b', '/tmp', '--cache-size', '3q'],
      /--cache-size: "3q" is not a size such as 64MiB/,
    ],
    [['mount', 's3://b', '/tmp', '--cache-size', '1k'], /--cache-size: 1024 is out of range/],
    [['mount', 's3://b', '/tmp', '-o', 'foo'], /-o foo: no such option/],
    [
      ['mount', 's3://b', '/tmp', '--endpoint-url', 'localhost:9000'],
      /--endpoint-url: "localhost:9000" is not an address/,
    ],
    [['mount', 's3://b', '/tmp', '--endpoint-url', 'http://key:hush@h'], /never in an address/],
    [['s3://b', '/tmp', '-o', 'foo'], /-o foo: no such option/],
    [['umount', '/tmp', '--timeout', 'soon'], /"soon" is not a time/],
    [['url', '/tmp', '--expires', 'soon'], /"soon" is not a time/],
    [['url', '/tmp', '--expires', '0s'], /at least 1s/],
    [['url', '/tmp', '--expires', '1h', '--unsigned'], /exclude each other/],
    [['stat'], /^pailfs: <path> is missing: pailfs stat <path>$/m],
    [['ls', 'bucket'], /"bucket" is not a bucket\n {2}Write s3:\/\/BUCKET/],
    [['ls', 'swift:', '--acl=private'], /--acl means nothing for swift:/],
    [['mount', 'swift://c', '/tmp', '--acl=private'], /--acl means nothing for swift:/],
  ]
  for (const [argv, expected] of cases) {
    const result = await run(...argv)
    t.match(result, { code: EXIT.usage, out: '', err: expected }, argv.join(' '))
    t.notMatch(result.err, /hush|\n {4}at /)
  }
})

t.test('nothing mounted', async t => {
  t.match(await run('mount', 's3://b', '/nonexistent'), {
    code: EXIT.mount,
    err: /does not exist\n {2}Make it first/,
  })
  t.match(await run('status'), { code: EXIT.ok, out: 'Nothing is mounted.\n' })
  t.match(await run('status', '/tmp'), { code: EXIT.notMounted })
  for (const dir of ['/tmp', '/nonexistent']) {
    t.match(await run('umount', dir), { code: EXIT.notMounted, err: /is not a pailfs mount/ })
  }
  t.match(await run('flush', '/tmp/x'), { code: EXIT.notMounted })
  t.match(await run('why', '/tmp/x'), { code: EXIT.notMounted })
})

t.test('errors and their codes', async t => {
  const store = new StoreError('no-bucket', 'The bucket does not exist', {
    operation: 'ListObjectsV2',
    code: 'NoSuchBucket',
    status: 404,
    requestId: 'R9',
  })
  t.same(explain(store), {
    exit: EXIT.store,
    message: 'The bucket does not exist (ListObjectsV2, NoSuchBucket, status 404, request R9)',
    hint: 'Check the name, and that the address and region are the bucket’s',
  })
  t.match(explain(new FsError('EBUSY', 'x')), { exit: EXIT.busy })
  t.match(explain(new Error('x')), { exit: EXIT.failure, message: 'x' })
  t.match(explain('x'), { exit: EXIT.failure, message: 'x' })
  t.same([0, EXIT.usage, EXIT.store].map(forMountHelper), [0, 1, 32])
})
