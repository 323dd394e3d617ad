/** Metadata and headers: set before and after the data, seen by others, kept; and no data travel for them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Recorded } from '../support/proxy.ts'
import { attribute, flush, skipped, tried, type Scene } from './scene.ts'

const HEADERS = [
  ['pail.content-type', 'contentType', 'text/x-one'],
  ['pail.content-disposition', 'contentDisposition', 'attachment; filename=x'],
  ['pail.content-encoding', 'contentEncoding', 'x-none'],
  ['pail.cache-control', 'cacheControl', 'max-age=60'],
] as const

export async function metadata(t: Test, scene: Scene): Promise<void> {
  const { mount, other, bucket } = scene
  const f = `${bucket}/data.bin`
  await mount.sh(`printf one > '${f}'; setfattr -n user.meta1 -v 'some value' '${f}'`)
  for (const [name, , value] of HEADERS) await mount.sh(`setfattr -n ${name} -v '${value}' '${f}'`)
  await flush(mount)
  await headersThere(t, scene, 3)
  t.match((await other.head(bucket, 'data.bin')).user, { meta1: 'some value' })
  await mount.sh(`printf twotwo > '${f}'`)
  await flush(mount)
  await headersThere(t, scene, 6)
  t.match((await other.head(bucket, 'data.bin')).user, { meta1: 'some value' }, 'kept')
  await mount.sh(`setfattr -n user.meta2 -v two '${f}'; setfattr -x user.meta1 '${f}'`)
  await flush(mount)
  const { user } = await other.head(bucket, 'data.bin')
  t.equal(user['meta2'], 'two')
  t.notOk('meta1' in user, 'removed')
  t.equal(await other.get(bucket, 'data.bin'), 'twotwo')
  await mount.sh(`setfattr -x pail.content-disposition '${f}'`)
  await flush(mount)
  t.equal((await other.head(bucket, 'data.bin')).contentDisposition, '', 'a header removed')
  t.match(await tried(mount, `getfattr -n pail.content-disposition '${f}'`), /No such attribute/)
  t.match(await attribute(mount, 'pail.etag', f), /^[0-9a-f]{32}/)
  t.equal(await attribute(mount, 'pail.state', f), 'stored')
  t.notMatch(await mount.sh(`getfattr -d -m - '${f}'`), /pail/, 'not listed: cp -a passes them by')
  await storageClass(t, scene)
  await foreignTime(t, scene)
}

/** An object that has no time in its metadata: LastModified would become that of the change. */
async function foreignTime(t: Test, { mount, other, bucket }: Scene): Promise<void> {
  const f = `${bucket}/theirs`
  await other.put(bucket, 'theirs', 'x')
  await sleep(1200)
  const before = await mount.sh(`stat -c %y '${f}'`)
  await mount.sh(`setfattr -n pail.content-type -v text/x-three '${f}'`)
  await flush(mount)
  const { user } = await other.head(bucket, 'theirs')
  t.equal(
    Number(user['mtime']).toFixed(0),
    (Date.parse(before) / 1000).toFixed(0),
    'its time stays',
  )
  await mount.sh(`rm '${f}'`)
}

/** Before and after new data, here and for the second client. */
async function headersThere(t: Test, { mount, other, bucket }: Scene, size: number): Promise<void> {
  const seen = await other.head(bucket, 'data.bin')
  t.equal(seen.size, size)
  for (const [name, field, value] of HEADERS) {
    const kept = await tried(mount, `getfattr --only-values -n ${name} '${bucket}/data.bin'`)
    if (/No such attribute/.test(kept) && seen[field] === '') {
      skipped(t, `${name}: the server does not keep it`)
      continue
    }
    t.equal(kept, value)
    t.equal(seen[field], value)
  }
}

async function storageClass(t: Test, { mount, other, bucket, scheme }: Scene): Promise<void> {
  const f = `${bucket}/data.bin`
  const name = 'pail.storage-class'
  if (scheme === 'swift') {
    t.match(await tried(mount, `getfattr -n ${name} '${f}'`), /No such attribute/)
    t.match(await tried(mount, `setfattr -n ${name} -v STANDARD '${f}'`), /not supported/)
    return
  }
  t.equal(await attribute(mount, name, f), 'STANDARD')
  await mount.sh(`setfattr -n ${name} -v STANDARD '${f}'`)
  await flush(mount)
  t.match((await other.head(bucket, 'data.bin')).storageClass, /^(STANDARD)?$/)
}

export async function versionsAndExpiry(t: Test, scene: Scene): Promise<void> {
  const { mount, other, bucket } = scene
  const versioned = `${bucket}-versions`
  const f = `${versioned}/versions`
  await mount.sh(`mkdir '${versioned}'`)
  if (await other.keepVersions(versioned)) {
    await mount.sh(`echo one > '${f}'`)
    await flush(mount)
    await mount.sh(`echo two > '${f}'`)
    await flush(mount)
    const id = await attribute(mount, 'pail.version-id', f)
    t.equal(id, (await other.head(versioned, 'versions')).versionId, 'the newest version')
    const facts = await mount.pailfs('stat', `${mount.dir}/${f}`)
    t.match(facts.out, new RegExp(`^version: +${id}$`, 'm'))
    await mount.sh(`rm '${f}'`)
    t.match(await tried(mount, `rmdir '${versioned}'`), /not empty/, 'old versions are kept')
  } else {
    t.match(await tried(mount, `getfattr -n pail.version-id '${bucket}/data.bin'`), /No such/)
    await mount.sh(`rmdir '${versioned}'`)
    skipped(t, 'the server keeps no versions')
  }
  await mount.sh(`echo soon gone > '${bucket}/expiring'`)
  await flush(mount)
  t.match(await tried(mount, `getfattr -n pail.expiry '${bucket}/expiring'`), /No such attribute/)
  if (!(await other.expire(bucket, 'expiring', 3600)))
    return skipped(t, 'objects of this family have no time of their own to be deleted at')
  const expiry = Date.parse(await attribute(mount, 'pail.expiry', `${bucket}/expiring`))
  t.ok(Math.abs(expiry - Date.now() - 3_600_000) < 120_000, 'in an hour')
  await mount.sh(`setfattr -n user.note -v x '${bucket}/expiring'; chmod 600 '${bucket}/expiring'`)
  await flush(mount)
  t.equal(Date.parse(await attribute(mount, 'pail.expiry', `${bucket}/expiring`)), expiry, 'kept')
}

/** Large enough to go in parts, so that metadata are also changed on a multipart object or an SLO. */
const LARGE = 17 * 1024 * 1024

export async function changesAlone(t: Test, scene: Scene): Promise<void> {
  const { mount, other, bucket, proxy } = scene
  await mount.sh(`echo small > '${bucket}/small'; head -c ${LARGE} /dev/zero > '${bucket}/large'`)
  await mount.sh(`touch -d 2001-02-03 '${bucket}/small' '${bucket}/large'`)
  await flush(mount)
  for (const name of ['small', 'large']) {
    const f = `${bucket}/${name}`
    proxy.reset()
    await mount.sh(`setfattr -n user.note -v x '${f}'; chmod 640 '${f}'`)
    await mount.sh(`setfattr -n pail.content-type -v text/x-two '${f}'`)
    await flush(mount)
    const bytes = proxy.requests.filter(isBody).reduce((sum, one) => sum + one.requestBytes, 0)
    t.ok(proxy.matching({ bucket, key: name }).length > 0, 'the proxy sees it')
    t.equal(bytes, 0, `${name}: no bytes sent for attributes`)
    t.ok(read(proxy.requests) < 1000, 'and none fetched')
    const seen = await other.head(bucket, name)
    t.match(seen, { contentType: 'text/x-two', size: name === 'small' ? 6 : LARGE })
    t.equal(seen.user['note'], 'x')
    t.equal(await mount.sh(`stat -c '%a %y' '${f}' | cut -c 1-14`), '640 2001-02-03\n')
  }
  await inParts(t, scene)
  await mount.sh(`rm '${bucket}/large'`)
}

/** Over the limit of a copy in one request (5 GiB at Amazon's), a copy onto itself goes in parts, on the server. */
async function inParts(t: Test, { mount, other, bucket, proxy, scheme }: Scene): Promise<void> {
  if (scheme !== 's3') return
  const fault = proxy.inject(
    { kind: 'CopyObject', bucket, key: 'large' },
    {
      do: 'status',
      status: 400,
      code: 'InvalidRequest',
      message:
        'The specified copy source is larger than the maximum allowable size for a copy source',
    },
    Infinity,
  )
  proxy.reset()
  await mount.sh(`chmod 600 '${bucket}/large'`)
  await flush(mount)
  fault.remove()
  t.ok(proxy.count('UploadPartCopy') > 0, 'copied in parts')
  t.equal(proxy.count('UploadPart') + proxy.count('PutObject'), 0, 'and nothing sent')
  const { user, size } = await other.head(bucket, 'large')
  t.match({ mode: user['mode'], note: user['note'], size }, { note: 'x', size: LARGE })
  t.equal(Number(user['mode']).toString(8), '100600')
}

/** Requests that carry an object's bytes; others have lists of parts or keys in them. */
function isBody({ kind }: Recorded): boolean {
  return [
    'PutObject',
    'UploadPart',
    'swift PUT object',
    'CopyObject',
    'swift POST object',
  ].includes(kind)
}

function read(requests: readonly Recorded[]): number {
  return requests
    .filter(({ kind }) => kind === 'GetObject' || kind === 'swift GET object')
    .reduce((sum, one) => sum + one.replyBytes, 0)
}
