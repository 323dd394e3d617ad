/** Large objects: sent while they are written, changed by their dirty parts, read by ranges. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { flush, onServers, until } from '../support/session.ts'

t.setTimeout(300_000)

const MiB = 1024 * 1024
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')

await onServers('a large file streams as it is written', async (t, session) => {
  const { mount, client, proxy } = session
  const m = await mount({ args: ['--part-size=5MiB'] })
  await m.sh('head -c 41943040 /dev/urandom >../noise')
  proxy.reset()
  // The writer waits, with the file open, until the test has seen parts in the bucket.
  const writer = m.sh(
    'exec 3>big; head -c 31457280 ../noise >&3; while [ ! -e ../go ]; do sleep 0.1; done; tail -c +31457281 ../noise >&3; exec 3>&-',
    { timeout: 240_000 },
  )
  await until(
    'parts while it is open',
    () => proxy.matching('UploadPart').filter(r => r.status === 200).length >= 3,
  )
  t.same(await client.keys(), [], 'nobody sees a part of it')
  await m.sh('touch ../go')
  await writer
  await flush(m)
  // `tail` asked for the time of what it writes to: then it has to be right, which on S3 takes a copy on the server.
  const { CopyObject = 0, ...sent } = session.changes()
  t.ok(CopyObject <= 1)
  const once = { CreateMultipartUpload: 1, UploadPart: 8, CompleteMultipartUpload: 1 }
  t.same(sent, once, 'each part once')
  const sum = (await m.sh('md5sum <../noise')).slice(0, 32)
  t.equal(md5(await client.get('big')), sum)
  t.equal((await m.sh('md5sum <big')).slice(0, 32), sum)
  t.equal(await m.sh('stat -c %s big'), `${40 * MiB}\n`)
  await m.sh('rsync -a ../noise copied')
  await flush(m)
  t.equal(session.changes()['UploadPart'], 16, 'rsync sends each part once too')
  t.notOk(session.changes()['DeleteObject'])
  t.same(await client.keys(), ['big', 'copied'])
  t.equal(
    ((await client.call('list_multipart_uploads'))['Uploads'] as unknown[] | undefined)?.length ??
      0,
    0,
  )
})

await onServers('a changed large object sends what was changed', async (t, session) => {
  const { mount, client, proxy } = session
  const m = await mount()
  await m.sh('head -c 67108864 /dev/urandom >../noise; cp ../noise big', { timeout: 120_000 })
  await flush(m)
  t.notOk(session.changes()['CopyObject'], 'no copy for the sake of its time')
  t.equal(await m.stop(), 0)
  const later = await mount({ work: m.work })
  proxy.reset()
  const at = 40_000_000
  for (const file of ['big', '../noise']) {
    await later.sh(`printf '\\1' | dd of=${file} bs=1 seek=${at} conv=notrunc 2>/dev/null`)
  }
  await flush(later)
  const { UploadPart = 0, UploadPartCopy = 0, PutObject } = session.changes()
  t.ok(UploadPart >= 1 && UploadPart <= 2, `${UploadPart} parts sent`)
  t.ok(UploadPartCopy >= 1, `${UploadPartCopy} parts copied`)
  t.notOk(PutObject)
  const sent = proxy.matching({}).reduce((sum, r) => sum + r.requestBytes, 0)
  t.ok(sent < 40 * MiB, `${sent} bytes sent`)
  const sum = (await later.sh('md5sum <../noise')).slice(0, 32)
  t.equal(md5(await client.get('big')), sum)
  t.equal((await later.sh('md5sum <big')).slice(0, 32), sum)
  await later.sh(
    'rsync -a --inplace --no-whole-file ../noise big; echo tail >>big; echo tail >>../noise',
  )
  await later.sh('truncate -s 50000000 big ../noise; cmp big ../noise')
  await flush(later)
  t.equal(md5(await client.get('big')), (await later.sh('md5sum <../noise')).slice(0, 32))
  proxy.reset()
  await later.sh('mv big renamed; cp renamed ../again; cmp ../again ../noise')
  await flush(later)
  t.notOk(session.changes()['UploadPart'], 'a rename sends nothing')
  t.same(await client.keys(), ['renamed'])
})

await onServers('an upload that fails in the middle goes on', async (t, session) => {
  const { mount, client, proxy } = session
  const m = await mount({ args: ['--part-size=5MiB'] })
  proxy.inject('UploadPart', { do: 'status', status: 503, code: 'SlowDown' }, 3)
  proxy.inject('UploadPart', { do: 'reset' }, 1)
  proxy.inject('UploadPart', { do: 'lose-reply' }, 1)
  proxy.inject('CompleteMultipartUpload', { do: 'lose-reply' }, 1)
  await m.sh('head -c 22000000 /dev/urandom >../noise; cp ../noise big', { timeout: 240_000 })
  await flush(m)
  t.equal(md5(await client.get('big')), (await m.sh('md5sum <../noise')).slice(0, 32))
  t.same(await client.keys(), ['big'])
})
