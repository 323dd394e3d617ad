/**
 * Every control through real mounts of all buckets, over each family and server, each line checked by a second client
 * or curl. What a server cannot do is found by asking it, and skipped with its own words.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { FAMILIES, openFamily, whyNot, type Family } from '../support/families.ts'
import { mountBucket, type Mount } from '../support/mount.ts'
import { program, shell } from '../support/shell.ts'
import { keysTest } from './keys.ts'

interface Scene extends Family {
  mount: Mount
  /** A bucket made through the mount. */
  bucket: string
}

t.setTimeout(900_000)

for (const kind of FAMILIES) {
  await t.test(kind.title, { skip: await whyNot(kind) }, async t => {
    t.setTimeout(300_000)
    const family = await openFamily(t, kind)
    const { server, scheme, env } = family
    const mount = await mountBucket(t, {
      server,
      bucket: '',
      source: `${scheme}:`,
      env: { ...env, PAILFS_METADATA_TTL: '1s' },
    })
    const scene = { ...family, mount, bucket: `feat-${randomBytes(5).toString('hex')}` }
    await t.test('buckets', t => buckets(t, scene))
    await t.test('metadata and headers', t => metadata(t, scene))
    await t.test('addresses', t => addresses(t, scene))
    await t.test('access lists', t => accessLists(t, scene))
    await t.test('tags', t => tags(t, scene))
    await t.test('ls and stat', t => commands(t, scene))
    await t.test('every key is reachable', t => keysTest(t, scene))
    await mount.sh(`rm -r '${scene.bucket}'`)
    t.notOk((await scene.other.buckets()).includes(scene.bucket), 'rm -r takes the bucket too')
  })
}

async function buckets(t: Test, { mount, other, bucket }: Scene): Promise<void> {
  const before = Date.now()
  await mount.sh(`mkdir '${bucket}'`)
  t.ok((await other.buckets()).includes(bucket), 'mkdir makes a bucket at once')
  const made = Number(await mount.sh(`stat -c %Y '${bucket}'`)) * 1000
  t.ok(Math.abs(made - before) < 60_000, 'its time is that of its creation')
  t.match(await tried(mount, `mkdir '${bucket}'`), /File exists/)
  t.match(await tried(mount, `touch file`), /Operation not permitted/)
  t.match(await tried(mount, `mv '${bucket}' renamed`), /Operation not permitted/)

  const theirs = `${bucket}-other`
  await other.createBucket(theirs)
  await sleep(1200)
  t.match(await mount.sh('ls'), new RegExp(`^${theirs}$`, 'm'), 'one made elsewhere is shown')
  await other.put(theirs, 'k', 'kept')
  t.match(await tried(mount, `rmdir '${theirs}'`), /not empty/)
  t.equal(await other.get(theirs, 'k'), 'kept', 'nothing deleted')

  await other.put(theirs, 'src', 'moved on the server', { note: 'kept' })
  await sleep(1200)
  await mount.sh(
    `mv '${theirs}/src' '${bucket}/dst' && head -c 3000000 /dev/zero > '${theirs}/big'`,
  )
  await flush(mount)
  t.equal(await other.get(bucket, 'dst'), 'moved on the server')
  t.equal((await other.head(bucket, 'dst')).user['note'], 'kept', 'with its metadata')
  t.notOk((await other.keys(theirs)).includes('src'))
  await mount.sh(`mkdir '${bucket}/d' && mv '${theirs}/big' '${bucket}/d/' && rm '${theirs}/k'`)
  await mount.sh(`rmdir '${theirs}'`)
  t.notOk((await other.buckets()).includes(theirs), 'rmdir deletes an empty bucket')
  await flush(mount)
  t.equal((await other.head(bucket, 'd/big')).size, 3_000_000)
}

async function metadata(t: Test, { mount, other, bucket }: Scene): Promise<void> {
  const f = `${bucket}/data.bin`
  await mount.sh(`printf one > '${f}'; setfattr -n user.meta1 -v 'some value' '${f}'`)
  await mount.sh(`setfattr -n pail.content-type -v text/x-one '${f}'`)
  await mount.sh(`setfattr -n pail.cache-control -v max-age=60 '${f}'`)
  await mount.sh(`setfattr -n pail.content-disposition -v 'attachment; filename=x' '${f}'`)
  await flush(mount)
  t.match(await other.head(bucket, 'data.bin'), {
    size: 3,
    contentType: 'text/x-one',
    user: { meta1: 'some value' },
  })
  await mount.sh(`printf twotwo > '${f}'`)
  await flush(mount)
  t.match(
    await other.head(bucket, 'data.bin'),
    { size: 6, contentType: 'text/x-one', user: { meta1: 'some value' } },
    'kept with new data',
  )
  await mount.sh(`setfattr -n user.meta2 -v two '${f}'; setfattr -x user.meta1 '${f}'`)
  await flush(mount)
  const { user } = await other.head(bucket, 'data.bin')
  t.equal(user['meta2'], 'two')
  t.notOk('meta1' in user, 'removed')
  t.equal(await other.get(bucket, 'data.bin'), 'twotwo')
  const read = (name: string) => mount.sh(`getfattr --only-values -n ${name} '${f}'`)
  t.equal(await read('pail.content-type'), 'text/x-one')
  const kept = await tried(mount, `getfattr --only-values -n pail.cache-control '${f}'`)
  if (kept === 'max-age=60') t.equal(kept, 'max-age=60')
  else skipped(t, `cache-control: the server does not keep it: ${kept.trim()}`)
  t.equal(await read('pail.content-disposition'), 'attachment; filename=x')
  t.match(await read('pail.etag'), /^[0-9a-f]{32}/)
  t.equal(await read('pail.state'), 'stored')
  t.notMatch(await mount.sh(`getfattr -d -m - '${f}'`), /pail/, 'not listed: cp -a passes them by')
}

async function addresses(t: Test, { mount, bucket }: Scene): Promise<void> {
  await mount.sh(`printf 'for all' > '${bucket}/sp ace+ü%.txt'`)
  const file = `${mount.dir}/${bucket}/sp ace+ü%.txt`
  const short = await mount.pailfs('url', '--expires', '2s', file)
  if (/unsupported|not supported|no temporary/i.test(short.err)) return skipped(t, short.err.trim())
  t.equal(short.code, 0, short.err)
  t.match(await curl(short.out.trim()), { out: 'for all', code: 0 })
  const hour = await mount.sh(`getfattr --only-values -n pail.signed-url '${file}'`)
  t.match(await curl(hour.trim()), { out: 'for all', code: 0 })
  await sleep(3500)
  t.not((await curl(short.out.trim())).code, 0, 'it stops when the time is up')
  const plain = await mount.pailfs('url', '--unsigned', file)
  t.equal(plain.out.trim(), await mount.sh(`getfattr --only-values -n pail.url '${file}'`))
  t.not((await curl(plain.out.trim())).code, 0, 'not public')
}

async function accessLists(t: Test, { mount, bucket, scheme }: Scene): Promise<void> {
  const file = `${bucket}/public.txt`
  await mount.sh(`printf public > '${file}'`)
  const target = scheme === 's3' ? file : bucket
  const said = await tried(mount, `setfattr -n pail.acl -v public-read '${target}'`)
  if (/not supported/.test(said)) return skipped(t, `the server has no such lists: ${said.trim()}`)
  t.equal(said, '')
  const url = await mount.pailfs('url', '--unsigned', `${mount.dir}/${file}`)
  const open = await curl(url.out.trim())
  if (open.out === '' && /404/.test(open.err)) {
    skipped(t, 'the server answers nobody without a token at this address (404)')
  } else t.match(open, { out: 'public', code: 0 }, 'curl without a signature')
  await mount.sh(`printf changed > '${file}'; setfattr -n user.note -v kept '${file}'`)
  await flush(mount)
  const changed = await curl(url.out.trim())
  if (open.code === 0) t.equal(changed.out, 'changed', 'still public after new data and metadata')
  const acl = await mount.sh(`getfattr --only-values -n pail.acl '${target}'`)
  t.match(acl, scheme === 's3' ? /^group .*AllUsers READ$/m : /^\.r:\* READ$/m)
  await mount.sh(`setfattr -n pail.acl -v private '${target}'`)
  t.not((await curl(url.out.trim())).code, 0, 'private again')
  t.match(await tried(mount, `setfattr -n pail.acl -v sideways '${target}'`), /Invalid argument/)
  if (scheme === 'swift') {
    t.match(await tried(mount, `setfattr -n pail.acl -v private '${file}'`), /not supported/)
  }
}

async function tags(t: Test, { mount, bucket }: Scene): Promise<void> {
  const file = `${bucket}/tagged`
  await mount.sh(`printf x > '${file}'`)
  const said = await tried(mount, `setfattr -n pail.tags -v 'a=1&b=zwei' '${file}'`)
  if (/not supported/.test(said)) return skipped(t, `the server has no tags: ${said.trim()}`)
  t.equal(said, '')
  t.equal(await mount.sh(`getfattr --only-values -n pail.tags '${file}'`), 'a=1&b=zwei')
  await mount.sh(`printf changed > '${file}'; chmod 600 '${file}'; mv '${file}' '${file}2'`)
  await flush(mount)
  const after = await mount.sh(`getfattr --only-values -n pail.tags '${file}2'`)
  t.equal(after, 'a=1&b=zwei', 'kept with new data')
  await mount.sh(`mv '${file}2' '${file}'; setfattr -x pail.tags '${file}'`)
  t.equal(await mount.sh(`getfattr --only-values -n pail.tags '${file}'`), '')
}

async function commands(t: Test, { mount, bucket, scheme }: Scene): Promise<void> {
  const style = scheme === 's3' ? ['--path-style'] : []
  const all = await mount.pailfs('ls', `${scheme}:`, ...style)
  t.match(all.out, new RegExp(`^20\\d\\d-\\d\\d-\\d\\d [\\d:]{8} +${bucket}$`, 'm'), all.err)
  const one = await mount.pailfs('ls', `${scheme}://${bucket}`, ...style)
  t.match(one.out, /^20\S+ \S+ +6 {2}data\.bin$/m, one.err)
  const file = `${mount.dir}/${bucket}/data.bin`
  const shown = await mount.pailfs('stat', file)
  t.match(shown.out, /^size: +6 /m, shown.err)
  t.match(shown.out, /^user\.meta2: +two$/m)
  const json = JSON.parse((await mount.pailfs('stat', '--json', file)).out) as { key: string }
  t.match(json, { key: `${bucket}/data.bin`, state: 'stored', stored: { size: 6 } })
}

/** What a failing command said; '' when it did not fail, or its output. */
async function tried(mount: Mount, command: string): Promise<string> {
  const { out, err } = await shell(command, { cwd: mount.dir })
  return err || out
}

function curl(url: string) {
  return program('curl', ['-sSf', '--max-time', '20', url])
}

async function flush(mount: Mount): Promise<void> {
  const done = await mount.pailfs('flush', mount.dir)
  if (done.code !== 0) throw new Error(done.err)
}

function skipped(t: Test, why: string): void {
  t.pass(why, { skip: why })
}
