/** An upload that a killed daemon left is gone on with: parts that the server has are not sent again. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { flush, onServers, until } from '../support/session.ts'

const ARGS = ['--part-size=5MiB', '--write-back=100ms']

t.setTimeout(240_000)

await onServers('an upload goes on after a kill', async (t, session) => {
  const { proxy, client } = session
  const first = await session.mount({ args: ARGS })
  let parts = 0
  proxy.inject(
    { where: ({ kind }) => kind === 'UploadPart' && ++parts > 4 },
    { do: 'stall' },
    Infinity,
  )
  await first.sh('head -c 42000000 /dev/urandom > large', { timeout: 100_000 })
  const done = () => proxy.matching('UploadPart').filter(({ status }) => status === 200)
  await until('four parts are there', () => done().length === 4)
  await first.kill9({ leave: true })
  proxy.clear()
  proxy.reset()

  const second = await session.mount({ args: ARGS, work: first.work })
  await flush(second)
  const total = Math.ceil(42_000_000 / (5 * 1024 * 1024))
  const counts = proxy.counts()
  t.equal(counts['CreateMultipartUpload'] ?? 0, 0, 'no upload is begun')
  t.equal(counts['UploadPart'], total - 4, 'only what was missing is sent')
  t.equal(counts['CompleteMultipartUpload'], 1)
  const hash = createHash('md5')
    .update(await client.get('large'))
    .digest('hex')
  t.match(await second.sh('md5sum large'), hash)
  t.equal(await second.stop(), 0)
  const { Uploads } = await client.call('list_multipart_uploads')
  t.same(Uploads ?? [], [], 'no unfinished upload is left')
})

await onServers(
  'an upload that is gone, or whose bytes changed, is begun anew',
  async (t, session) => {
    const { proxy, client } = session
    for (const how of ['aborted', 'changed']) {
      const first = await session.mount({ args: ARGS })
      proxy.inject('CompleteMultipartUpload', { do: 'stall' }, Infinity)
      await first.sh(`head -c 20000000 /dev/urandom > ${how}`, { timeout: 100_000 })
      await proxy.waitFor('CreateMultipartUpload')
      await until('all parts are there', () => proxy.count('CompleteMultipartUpload') > 0)
      if (how === 'changed')
        await first.sh('printf new | dd of=changed conv=notrunc bs=1 seek=9 2>&1')
      await first.kill9({ leave: true })
      const { Uploads } = await client.call('list_multipart_uploads')
      const [upload] = (Uploads ?? []) as { UploadId: string; Key: string }[]
      if (how === 'aborted') {
        await client.call('abort_multipart_upload', { Key: how, UploadId: upload?.UploadId })
      }
      proxy.clear()
      proxy.reset()
      const second = await session.mount({ args: ARGS, work: first.work })
      await flush(second)
      const hash = createHash('md5')
        .update(await client.get(how))
        .digest('hex')
      t.match(await second.sh(`md5sum ${how}`), hash, how)
      t.equal(await second.stop(), 0)
      const left = await client.call('list_multipart_uploads')
      t.same(left['Uploads'] ?? [], [], 'no unfinished upload is left')
    }
  },
  ['rgw'],
)
