/** Completing an upload on a server that does not say what came of it (Ceph). */
import { createHash } from 'node:crypto'
import t from 'tap'
import { noMeta } from '../../conformance/support.ts'
import { scripted } from './scripted-server.ts'

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

t.test('an upload that tells no ETag is known by that of its parts', async t => {
  const part = { number: 1, etag: md5(Buffer.from('a')), size: 1 }
  const ours = `${md5(Buffer.from(part.etag, 'hex'))}-1`
  let found = ours
  const { store } = await scripted(t, ({ method, path }) => {
    if (method === 'HEAD') return { headers: { etag: `"${found}"` } }
    if (path.includes('uploadId')) return { body: '<CompleteMultipartUploadResult/>' }
    return {}
  })
  const upload = { key: 'k', id: 'u' }
  t.equal((await store.completeUpload(upload, [part], { meta: noMeta })).etag, ours)
  found = `${md5(Buffer.from('theirs'))}-1`
  await t.rejects(store.completeUpload(upload, [part], { meta: noMeta }), {
    kind: 'changed',
  } as unknown as Error)
})
