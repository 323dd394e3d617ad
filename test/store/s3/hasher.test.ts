/** Hashing on the spot, in the worker, from shared memory, and without the worker. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { crc32Of } from '../../../src/store/s3/checksums.ts'
import { Hasher } from '../../../src/store/hasher.ts'

const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex')

t.test('all ways give the same digest', async t => {
  const hasher = new Hasher()
  t.teardown(() => hasher.close())
  const shared = new Uint8Array(new SharedArrayBuffer(300_000)).fill(7)
  const pooled = Buffer.from('small and out of a pool')
  const large = Buffer.alloc(200_000, 'abc').subarray(3)
  for (const body of [pooled, large, shared, [large, pooled, shared], []]) {
    const whole = Buffer.concat(body instanceof Uint8Array ? [body] : body)
    t.equal((await hasher.digest('md5', body)).toString('hex'), md5(whole))
  }
  t.equal(large.length, 199_997, 'what is sent is still ours')
  const many = await Promise.all(Array.from({ length: 20 }, () => hasher.digest('sha256', large)))
  t.equal(new Set(many.map(digest => digest.toString('hex'))).size, 1)
})

t.test('closing while it works still gives digests', async t => {
  const hasher = new Hasher()
  const data = Buffer.alloc(1_000_000, 'x')
  const both = [hasher.digest('md5', data), hasher.digest('md5', data)]
  hasher.close()
  for (const digest of await Promise.all(both)) t.equal(digest.toString('hex'), md5(data))
})

t.test('CRC32 as S3 writes it', async t => {
  t.equal(crc32Of(Buffer.from('hello world')), 'DUoRhQ==')
  t.equal(crc32Of([Buffer.from('hello '), Buffer.from('world')]), 'DUoRhQ==')
})
