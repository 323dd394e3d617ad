/** Addresses, access lists and tags. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { attribute, curl, flush, isPublic, openFor, skipped, tried, type Scene } from './scene.ts'

const NAMES = ['sp ace+ü%.txt', 'a&b=c?d#e.txt', `quote'"\\.txt`, 'dir/%2F%.txt']

export async function addresses(t: Test, { mount, bucket, scheme }: Scene): Promise<void> {
  await mount.sh(`mkdir '${bucket}/dir'`)
  const file = `${mount.dir}/${bucket}/${NAMES[0]}`
  await mount.sh(`printf 'for all' > '${file}'`)
  const short = await mount.pailfs('url', '--expires', '3s', file)
  if (/unsupported|not supported|no temporary/i.test(short.err)) return skipped(t, short.err.trim())
  t.equal(short.code, 0, short.err)
  t.match(await curl(short.out.trim()), { out: 'for all', code: 0 })
  const began = Date.now()
  const hour = await attribute(mount, 'pail.signed-url', file)
  t.match(await curl(hour.trim()), { out: 'for all', code: 0 })
  const plain = await mount.pailfs('url', '--unsigned', file)
  t.equal(plain.out.trim(), await attribute(mount, 'pail.url', file))
  t.not((await curl(plain.out.trim())).code, 0, 'not public')
  for (const name of NAMES.slice(1)) {
    const path = `${mount.dir}/${bucket}/${name}`
    await mount.sh('cat > "$F"', { input: name, env: { F: path } })
    const { out } = await mount.pailfs('url', path)
    t.match(await curl(out.trim()), { out: name, code: 0 }, name)
  }
  await sleep(Math.max(0, began + 4500 - Date.now()))
  t.not((await curl(short.out.trim())).code, 0, 'it stops when the time is up')
  t.match((await mount.pailfs('url', `${file}-not-there`)).err, /no such file/)
  const long = await mount.pailfs('url', '--expires', '8d', file)
  if (scheme === 's3') t.match(long.err, /7 days/)
  else t.match(await curl(long.out.trim()), { out: 'for all', code: 0 })
}

export async function accessLists(t: Test, scene: Scene): Promise<void> {
  const { mount, other, bucket, scheme } = scene
  const file = `${bucket}/public.txt`
  await mount.sh(`printf public > '${file}'`)
  const target = scheme === 's3' ? file : bucket
  const said = await tried(mount, `setfattr -n pail.acl -v public-read '${target}'`)
  if (/not supported/.test(said)) return skipped(t, `the server has no such lists: ${said.trim()}`)
  t.equal(said, '')
  const url = (await mount.pailfs('url', '--unsigned', `${mount.dir}/${file}`)).out.trim()
  const open = await openFor(t, url, 'public')
  await mount.sh(`printf changed > '${file}'; setfattr -n user.note -v kept '${file}'`)
  await flush(mount)
  if (open) t.equal((await curl(url)).out, 'changed', 'still public after new data and metadata')
  await grants(t, scene, target)
  await mount.sh(`setfattr -n pail.acl -v private '${target}'`)
  t.not((await curl(url)).code, 0, 'private again')
  t.match(await tried(mount, `setfattr -n pail.acl -v sideways '${target}'`), /Invalid argument/)
  if (scheme === 'swift') {
    t.match(await tried(mount, `setfattr -n pail.acl -v private '${file}'`), /not supported/)
    t.match((await mount.pailfs('why', `${mount.dir}/${file}`)).out, /containers only/)
    return
  }
  await mount.sh(`setfattr -n pail.acl -v public-read '${bucket}'`)
  t.ok(
    (await other.acl(bucket, '')).some(grant => grant.endsWith('AllUsers READ')),
    'of a bucket',
  )
  t.match(await attribute(mount, 'pail.acl', bucket), /^group .*AllUsers READ$/m)
  await mount.sh(`setfattr -n pail.acl -v private '${bucket}'`)
  await forbidden(t, scene)
}

/** Each rule as the second client sees it, and one grant a line. */
async function grants(t: Test, { mount, other, bucket, scheme }: Scene, target: string) {
  const key = scheme === 's3' ? 'public.txt' : ''
  const acl = await attribute(mount, 'pail.acl', target)
  t.match(acl, scheme === 's3' ? /^group .*AllUsers READ$/m : /^\.r:\* READ$/m)
  t.ok((await other.acl(bucket, key)).some(grant => /(AllUsers|\.r:\*) READ$/.test(grant)))
  for (const [rule, wanted] of [
    ['public-read-write', /AllUsers WRITE$/],
    ['authenticated-read', /(AuthenticatedUsers|\*:\*) READ$/],
  ] as const) {
    const said = await tried(mount, `setfattr -n pail.acl -v ${rule} '${target}'`)
    if (/not supported/.test(said)) {
      skipped(t, `${rule}: the server has no word for it`)
      continue
    }
    t.equal(said, '')
    const lines = (await attribute(mount, 'pail.acl', target)).split('\n')
    t.ok(
      lines.some(line => wanted.test(line)),
      rule,
    )
    t.ok((await other.acl(bucket, key)).some(grant => wanted.test(grant)))
  }
  await mount.sh(`setfattr -n pail.acl -v public-read '${target}'`)
}

/** A bucket whose owner has switched lists off (Amazon's default since 2023). */
async function forbidden(t: Test, { mount, bucket, proxy }: Scene): Promise<void> {
  const file = `${bucket}/no-lists`
  await mount.sh(`echo x > '${file}'`)
  await flush(mount)
  const fault = proxy.inject(
    { kind: ['PutObjectAcl', 'PutBucketAcl'], bucket },
    { do: 'status', status: 400, code: 'AccessControlListNotSupported' },
    Infinity,
  )
  for (const target of [file, bucket]) {
    const said = await tried(mount, `setfattr -n pail.acl -v public-read '${target}'`)
    t.match(said, /Operation not supported/)
    const why = await mount.pailfs('why', `${mount.dir}/${target}`)
    t.match(why.out, /switched off for this bucket/, 'and why')
  }
  fault.remove()
}

export async function newObjectsAcl(t: Test, scene: Scene): Promise<void> {
  const { mount, bucket, scheme, mountMore } = scene
  if (scheme === 'swift') {
    const refused = await mount.pailfs('mount', `swift://${bucket}`, mount.dir, '--acl=private')
    t.equal(refused.code, 2)
    t.match(refused.err, /--acl means nothing for swift:/)
    return
  }
  const said = await tried(mount, `setfattr -n pail.acl -v private '${bucket}/public.txt'`)
  if (said !== '') return skipped(t, `the server has no such lists: ${said.trim()}`)
  const more = await mountMore({ source: `s3://${bucket}`, args: ['--acl=public-read'] })
  await more.sh(`printf open > open.txt; head -c 17000000 /dev/zero > open.big; mkdir open.d`)
  await flush(more)
  for (const key of ['open.txt', 'open.big', 'open.d/']) {
    t.ok(await isPublic(scene, bucket, key), key)
  }
  const url = (await more.pailfs('url', '--unsigned', `${more.dir}/open.txt`)).out.trim()
  await openFor(t, url, 'open')
  await more.sh(`setfattr -n pail.acl -v private open.txt; printf closed > open.txt`)
  await flush(more)
  t.notOk(await isPublic(scene, bucket, 'open.txt'), 'one that was made private stays it')
  await more.sh(`rm -r open*`)
  t.equal(await more.stop(), 0)
}

export async function tags(t: Test, { mount, other, bucket }: Scene): Promise<void> {
  const file = `${bucket}/tagged`
  await mount.sh(`printf x > '${file}'`)
  const said = await tried(mount, `setfattr -n pail.tags -v 'a=1&b=zwei' '${file}'`)
  if (/not supported/.test(said)) return skipped(t, `the server has no tags: ${said.trim()}`)
  t.equal(said, '')
  t.equal(await attribute(mount, 'pail.tags', file), 'a=1&b=zwei')
  t.strictSame(await other.tags(bucket, 'tagged'), { a: '1', b: 'zwei' })
  const many = Array.from({ length: 60 }, (_, at) => `t${at}=x`).join('&')
  t.match(await tried(mount, `setfattr -n pail.tags -v '${many}' '${file}'`), /Invalid argument/)
  t.match((await mount.pailfs('why', `${mount.dir}/${file}`)).out, /tag/i)
  await mount.sh(`printf changed > '${file}'; chmod 600 '${file}'; mv '${file}' '${file}2'`)
  await flush(mount)
  t.equal(await attribute(mount, 'pail.tags', `${file}2`), 'a=1&b=zwei', 'kept with new data')
  t.strictSame(await other.tags(bucket, 'tagged2'), { a: '1', b: 'zwei' })
  await mount.sh(`mv '${file}2' '${file}'; setfattr -x pail.tags '${file}'`)
  t.equal(await attribute(mount, 'pail.tags', file), '')
  t.strictSame(await other.tags(bucket, 'tagged'), {})
}
