/** The reference store where it has rules of its own; the shared rules are in the conformance suite. */
import t from 'tap'
import type { Test } from 'tap'
import fc from 'fast-check'
import { StoreError } from '../../../src/core/errors.ts'
import type { ObjectMeta } from '../../../src/core/types.ts'
import type { ListRequest, ObjectStore, Sink } from '../../../src/store/store.ts'
import { MemoryService } from '../../../src/store/memory/memory-service.ts'
import { MemoryStore } from '../../../src/store/memory/memory-store.ts'
import type { MemoryStoreOptions } from '../../../src/store/memory/options.ts'
import { compareUtf8 } from '../../../src/store/memory/utf8-order.ts'

const clock = { now: () => 1_000, after: () => ({ cancel() {} }) }
const meta: ObjectMeta = { user: {} }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function make(options: Partial<MemoryStoreOptions> = {}): MemoryStore {
  return new MemoryStore({ clock, random: () => 0.5, ...options })
}

function collect(): Sink & { text(): string } {
  const parts: Uint8Array[] = []
  let memory = new Uint8Array(0)
  return {
    begin() {},
    next: () => (memory = new Uint8Array(3)),
    filled: count => void parts.push(memory.subarray(0, count)),
    text: () => parts.map(part => new TextDecoder().decode(part)).join(''),
  }
}

async function listAll(store: ObjectStore, request: ListRequest): Promise<string[]> {
  const names: string[] = []
  let token: string | undefined
  do {
    const page = await store.list(token === undefined ? request : { ...request, token })
    names.push(...page.objects.map(object => object.key), ...page.prefixes)
    token = page.next
  } while (token !== undefined)
  return names.sort(compareUtf8)
}

const kind = (expected: string) => (error: unknown) =>
  error instanceof StoreError && error.kind === expected

async function rejects(t: Test, promise: Promise<unknown>, expected: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  t.ok(kind(expected)(error), `rejects with ${expected}, got ${String(error)}`)
}

t.test('utf-8 order is that of the encoded bytes', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
      return Math.sign(compareUtf8(a, b)) === expected
    }),
  )
  t.end()
})

t.test('listing by pages equals listing by definition', async t => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '\uE000', '😀'),
    minLength: 1,
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 30 }),
      fc.constantFrom('', 'a', 'a/', '/'),
      fc.boolean(),
      fc.integer({ min: 1, max: 5 }),
      async (keys, prefix, fold, limit) => {
        const store = make()
        for (const key of keys) await store.put(key, bytes(key), { meta })
        const expected = new Set(
          keys
            .filter(key => key.startsWith(prefix))
            .map(key => {
              const at = key.indexOf('/', prefix.length)
              return fold && at >= 0 ? key.slice(0, at + 1) : key
            }),
        )
        const got = await listAll(store, { prefix, limit, ...(fold ? { delimiter: '/' } : {}) })
        t.strictSame(got, [...expected].sort(compareUtf8))
      },
    ),
    { numRuns: 60 },
  )
})

t.test('get gives ranges and one version', async t => {
  const store = make()
  const { etag } = await store.put('k', [bytes('hello '), bytes('world')], { meta })
  const sink = collect()
  const head = await store.get('k', { range: { start: 4, end: 99 }, ifMatch: etag }, sink)
  t.equal(sink.text(), 'o world')
  t.equal(head.size, 11)
  await rejects(t, store.get('k', { range: { start: 11, end: 12 } }, collect()), 'range')
  await rejects(t, store.get('k', { ifMatch: 'other' }, collect()), 'changed')
  await rejects(t, store.get('none', { ifMatch: etag }, collect()), 'not-found')
  const signal = AbortSignal.abort()
  await rejects(t, store.get('k', { signal }, collect()), 'aborted')
})

t.test('conditions of writes', async t => {
  const store = make()
  const first = await store.put('k', bytes('1'), { meta, ifAbsent: true })
  await rejects(t, store.put('k', bytes('2'), { meta, ifAbsent: true }), 'exists')
  await store.put('k', bytes('2'), { meta, ifMatch: first.etag })
  await rejects(t, store.put('k', bytes('3'), { meta, ifMatch: first.etag }), 'changed')
  await rejects(t, store.put('none', bytes('3'), { meta, ifMatch: first.etag }), 'changed')
  await rejects(t, store.delete('k', { ifMatch: first.etag }), 'changed')
  const loose = make({ features: { conditionalPut: false } })
  await loose.put('k', bytes('3'), { meta, ifMatch: 'whatever' })
})

t.test('multipart with a copied part', async t => {
  const store = make({ limits: { minPart: 2 } })
  const source = await store.put('source', bytes('abcdef'), { meta })
  const upload = await store.createUpload('big', { meta: { user: { a: 'b' } } })
  const one = await store.uploadPart(upload, 1, bytes('12'))
  const range = { start: 1, end: 3 }
  const two = await store.copyPart(upload, 2, { key: 'source', ...source }, range)
  t.strictSame(await store.listParts(upload), [one, two])
  t.equal((await store.listUploads('')).length, 1)
  await rejects(t, store.completeUpload(upload, [two, one], { meta }), 'invalid')
  const stored = await store.completeUpload(upload, [one, two], { meta })
  t.match(stored.etag, /-2$/)
  const sink = collect()
  const head = await store.get('big', {}, sink)
  t.equal(sink.text(), '12bc')
  t.strictSame(head.meta.user, { a: 'b' })
  await rejects(t, store.completeUpload(upload, [one, two], { meta }), 'not-found')
})

t.test('metadata, tags, acl, usage, quota, cold', async t => {
  const store = make({ quota: 10 })
  const stored = await store.put('k', bytes('12345'), { meta })
  await store.setTags('k', { a: '1' })
  await store.setMeta({ key: 'k', ...stored }, { meta: { user: { m: '1' } }, ifMatch: stored.etag })
  t.strictSame((await store.head('k')).meta.user, { m: '1' })
  t.strictSame(await store.getTags('k'), { a: '1' })
  await store.setAcl('k', 'public-read')
  t.equal((await store.getAcl('k')).length, 2)
  t.strictSame(await store.usage(), { bytes: 5, objects: 1, quota: 10 })
  await rejects(t, store.put('more', bytes('123456'), { meta }), 'quota')
  await store.put('ice', bytes('1'), { meta: { ...meta, storageClass: 'GLACIER' } })
  await rejects(t, store.get('ice', {}, collect()), 'cold')
  await rejects(t, store.put('', bytes('1'), { meta }), 'invalid')
  await rejects(t, store.put('x'.repeat(1025), bytes('1'), { meta }), 'invalid')
  await rejects(t, store.put('x', bytes('1'), { meta: { user: { 'A b': '' } } }), 'invalid')
})

t.test('a listing may lag', async t => {
  const due: (() => void)[] = []
  const slow = {
    now: () => 0,
    after: (_: number, then: () => void) => (due.push(then), { cancel() {} }),
  }
  const store = make({ clock: slow, listingLag: 1000 })
  t.notOk(store.features.listingCurrent)
  await store.put('k', bytes('1'), { meta })
  t.strictSame(await listAll(store, { prefix: '' }), [])
  for (const then of due) then()
  t.strictSame(await listAll(store, { prefix: '' }), ['k'])
})

t.test('buckets', async t => {
  const service = new MemoryService({ clock, random: () => 0 })
  await service.createBucket('one')
  await rejects(t, service.createBucket('one'), 'exists')
  await rejects(t, service.createBucket('No'), 'invalid')
  const store = await service.open('one')
  await store.put('k', bytes('1'), { meta })
  await rejects(t, service.deleteBucket('one'), 'not-empty')
  await store.delete('k')
  await service.deleteBucket('one')
  await rejects(t, service.open('one'), 'no-bucket')
  await rejects(t, store.head('k'), 'no-bucket')
  t.strictSame(await service.listBuckets(), [])
})
