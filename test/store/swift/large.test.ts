/**
 * Large objects over a real Swift with a small max_file_size: ranges reused, segments shared and let go, others'
 * layouts, with python-swiftclient as the second client.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { ObjectStore, Part, Stored } from '../../../src/store/store.ts'
import { openSwiftService, openSwiftStore } from '../../../src/store/swift/open.ts'
import { noMeta, pattern, read, rejects } from '../../conformance/support.ts'
import { startSwift, whyMissing } from '../../support/servers.ts'
import { configOf, environmentOf, freshName, openOptions } from './access.ts'

const missing = await whyMissing('swift')
if (missing !== false) {
  t.pass(missing, { skip: missing })
  process.exit()
}
t.setTimeout(240_000)

const MIB = 2 ** 20
const server = await startSwift({ maxFileSize: 4 * MIB })
const folder = await mkdtemp(join(tmpdir(), 'pailfs-swift-'))
const container = freshName('large')
const service = await openSwiftService(configOf(server), { ...openOptions, showSegments: true })
await service.createBucket(container)
const store = await openSwiftStore(configOf(server), container, openOptions)
const below = await service.open(`${container}_segments`)
t.teardown(async () => {
  store.close()
  service.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

const swift = async (...args: string[]): Promise<string> => {
  const env = { ...process.env, ...environmentOf(server) }
  const { stdout } = await promisify(execFile)('swift', args, { env, cwd: folder })
  return stdout
}
const hasSwift = await swift('stat').then(
  () => true,
  () => false,
)

/** What is in the segments container, references and markers included. */
const records = async (prefix = ''): Promise<string[]> => {
  try {
    return (await below.list({ prefix })).objects.map(object => object.key)
  } catch {
    return []
  }
}
const segments = (): Promise<string[]> => records('.pailfs/seg/')

async function upload(
  key: string,
  pieces: readonly Uint8Array[],
  to: ObjectStore = store,
): Promise<Stored> {
  const { id } = await to.createUpload(key, { meta: noMeta })
  const parts = await Promise.all(
    pieces.map((piece, i) => to.uploadPart({ key, id }, i + 1, piece)),
  )
  return to.completeUpload({ key, id }, parts, { meta: noMeta })
}
const pieces = [pattern(2 * MIB, 1), pattern(2 * MIB, 2), pattern(2 * MIB, 3)]
const whole = Buffer.concat(pieces)
const same = async (key: string, wanted: Uint8Array): Promise<boolean> =>
  Buffer.from(wanted).equals(await read(store, key))

t.test('a change reuses ranges of what is there, and lets go of the rest', async t => {
  const first = await upload('edit', pieces)
  t.equal(first.size, 6 * MIB, 'more than one PUT can hold')
  t.equal((await segments()).length, 3)
  const source = { key: 'edit', etag: first.etag, size: first.size }
  const change = await store.createUpload('edit', { meta: noMeta })
  const body = pattern(MIB, 9)
  const parts: Part[] = [
    await store.copyPart(change, 1, source, { start: 0, end: 2 * MIB + 100 }),
    await store.uploadPart(change, 2, body),
    await store.copyPart(change, 3, source, { start: 3 * MIB + 100, end: 4 * MIB }),
  ]
  t.strictSame(await store.listParts(change), parts, 'reused ranges are listed as parts too')
  await store.completeUpload(change, parts, { meta: noMeta, ifMatch: first.etag })
  const wanted = Buffer.concat([
    whole.subarray(0, 2 * MIB + 100),
    body,
    whole.subarray(3 * MIB + 100, 4 * MIB),
  ])
  t.ok(await same('edit', wanted))
  t.equal((await segments()).length, 3, 'the third segment of old went, one came')
  t.strictSame(await store.listUploads(''), [])
  await store.delete('edit')
  t.strictSame(await records(), [], 'nothing is left')
})

t.test('a plain object is preserved, then referred to', async t => {
  const plain = pattern(3 * MIB, 5)
  const stored = await store.put('plain', plain, { meta: noMeta })
  const source = { key: 'plain', etag: stored.etag, size: plain.length }
  const change = await store.createUpload('plain', { meta: noMeta })
  const parts = [
    await store.copyPart(change, 1, source, { start: 0, end: MIB }),
    await store.uploadPart(change, 2, pieces[0] as Uint8Array),
    await store.copyPart(change, 3, source, { start: MIB, end: 3 * MIB }),
  ]
  await store.completeUpload(change, parts, { meta: noMeta })
  const wanted = Buffer.concat([
    plain.subarray(0, MIB),
    pieces[0] as Uint8Array,
    plain.subarray(MIB),
  ])
  t.ok(await same('plain', wanted))
  t.equal((await segments()).length, 2)
  await store.put('plain', plain, { meta: noMeta })
  t.strictSame(await records(), [], 'overwritten: nothing is left')
  await store.delete('plain')
})

t.test('copies share until the last of them is gone', async t => {
  for (const order of [
    ['a', 'b', 'c'],
    ['c', 'b', 'a'],
    ['b', 'a', 'c'],
  ]) {
    const { etag, size } = await upload('a', pieces)
    await store.copy({ key: 'a', etag, size }, 'b', { meta: { user: { is: 'copy' } } })
    await store.copy({ key: 'b', size }, 'c', {})
    t.equal((await segments()).length, 3, 'nothing was copied')
    t.strictSame({ ...(await store.head('c')).meta.user }, { is: 'copy' })
    for (const [gone, key] of order.entries()) {
      await store.delete(key)
      for (const left of order.slice(gone + 1))
        t.ok(await same(left, whole), `${left} without ${key}`)
    }
    t.strictSame(await records(), [], `nothing is left: ${order.join()}`)
  }
})

t.test('of objects that share, all go at the same time', async t => {
  const { etag, size } = await upload('one', pieces)
  const others = ['two', 'three', 'four']
  for (const key of others) await store.copy({ key: 'one', etag, size }, key, {})
  t.equal((await store.deleteMany(['one', ...others])).size, 0)
  t.strictSame(await records(), [], 'nothing is left')
})

t.test('a rename, then a change of the renamed, then deletion of many', async t => {
  const { etag, size } = await upload('from', pieces)
  await store.copy({ key: 'from', etag, size }, 'to', {})
  await store.delete('from')
  const change = await store.createUpload('to', { meta: noMeta })
  const parts = [
    await store.copyPart(change, 1, { key: 'to', etag, size }, { start: 0, end: 4 * MIB }),
    await store.uploadPart(change, 2, pattern(10, 1)),
  ]
  await store.completeUpload(change, parts, { meta: noMeta })
  t.equal((await segments()).length, 3)
  await upload('to2', pieces)
  await store.put('to3', new Uint8Array(3), { meta: noMeta })
  t.equal((await store.deleteMany(['to', 'to2', 'to3', 'to4'])).size, 0)
  t.strictSame((await store.list({ prefix: '' })).objects, [])
  t.strictSame(await records(), [])
})

t.test('the source of an unfinished upload may go', async t => {
  const { etag, size } = await upload('source', pieces)
  const change = await store.createUpload('target', { meta: noMeta })
  const part = await store.copyPart(
    change,
    1,
    { key: 'source', etag, size },
    { start: 5, end: 5 * MIB },
  )
  await store.delete('source')
  await store.completeUpload(change, [part], { meta: noMeta })
  t.ok(await same('target', whole.subarray(5, 5 * MIB)))
  await store.delete('target')
  t.equal((await store.abortUpload(change, [part]), (await segments()).length), 0)
})

t.test('abort after complete keeps the object; complete again too', async t => {
  const change = await store.createUpload('twice', { meta: noMeta })
  const parts = await Promise.all(pieces.map((piece, i) => store.uploadPart(change, i + 1, piece)))
  const one = await store.completeUpload(change, parts, { meta: noMeta })
  const two = await store.completeUpload(change, parts, { meta: noMeta })
  t.equal(one.etag, two.etag)
  await store.abortUpload(change, parts)
  t.ok(await same('twice', whole))
  await store.delete('twice')
  await rejects(
    t,
    store.completeUpload(change, parts, { meta: noMeta }),
    'not-found',
    'segments are gone',
  )
  await store.abortUpload(change, parts)
  t.strictSame((await segments()).length, 0)
})

t.test('more segments than a manifest takes are merged on the server', async t => {
  const own = await openSwiftStore(configOf(server), container, openOptions)
  Object.assign(own.limits, { maxParts: 10 })
  const small = Array.from({ length: 25 }, (_, i) => pattern(1000 + i, i))
  await upload('many', small, own)
  t.ok(await same('many', Buffer.concat(small)))
  t.ok((await segments()).length <= 10)
  await own.delete('many')
  t.strictSame(await records(), [])
  own.close()
})

const none = { segments: 0, bytes: 0 }
const isKnown = (): boolean => false
const WEEK = 7 * 86_400_000

t.test('sweep finds what a crash left, and nothing else', async t => {
  await upload('live', pieces)
  const { size } = await store.head('live')
  await store.copy({ key: 'live', size }, 'moved', {})
  await store.delete('live')
  const lost = await store.createUpload('lost', { meta: noMeta })
  await store.uploadPart(lost, 1, pattern(100, 1))
  t.strictSame(await store.sweep({ age: WEEK, isKnown }), none, 'an upload is under way')
  t.strictSame(await store.sweep({ age: 0, isKnown: id => id === lost.id }), none, 'or known')
  await below.delete(lost.id.replace('/seg/', '/upload/'))
  t.strictSame(await store.sweep({ age: WEEK, isKnown }), none, 'too young')
  t.strictSame(await store.sweep({ age: 0, isKnown }), { segments: 1, bytes: 100 })
  t.ok(await same('moved', whole), 'a renamed one is known by its reference')
  await store.delete('moved')
  t.strictSame(await records(), [])
})

t.test('uploads that nobody goes on with are given up', async t => {
  const { etag, size } = await upload('kept', pieces)
  const left = await store.createUpload('kept', { meta: noMeta })
  await store.uploadPart(left, 1, pattern(100, 1))
  await store.copyPart(left, 2, { key: 'kept', etag, size }, { start: 5, end: MIB })
  const empty = await store.createUpload('empty', { meta: noMeta })
  t.strictSame(await store.sweep({ age: 60_000, isKnown }), none, 'too young')
  await new Promise(resolve => setTimeout(resolve, 3000))
  const young = await store.createUpload('young', { meta: noMeta })
  await store.uploadPart(young, 1, pattern(100, 1))
  const swept = await store.sweep({ age: 2000, isKnown })
  t.equal(swept.segments, 2, 'the part and the record of the range')
  t.strictSame(
    (await store.listUploads('')).map(one => one.id),
    [young.id],
  )
  await rejects(t, store.completeUpload(empty, [], { meta: noMeta }), 'invalid', 'no parts')
  t.ok(await same('kept', whole))
  await store.abortUpload(young, [])
  await store.delete('kept')
  await store.sweep({ age: 0, isKnown })
  t.strictSame(await records(), [])
})

t.test('what others overwrote leaves segments; what others wrote is theirs', async t => {
  await upload('theirs now', pieces)
  const access = await fetch(server.swift.authUrl, {
    headers: { 'X-Auth-User': server.swift.user, 'X-Auth-Key': server.swift.key },
  })
  const token = access.headers.get('x-auth-token') ?? ''
  const send = (url: string, body: string) =>
    fetch(url, { method: 'PUT', headers: { 'X-Auth-Token': token }, body })
  await send(store.url('theirs now'), 'flat')
  await send(below.url('some/tool/00000001'), 'not ours')
  t.strictSame(await store.sweep({ age: 0, isKnown }), { segments: 3, bytes: 6 * MIB })
  t.strictSame(await records(), ['some/tool/00000001'])
  await below.delete('some/tool/00000001')
  await store.delete('theirs now')
})

t.test('where versions are kept, so are their segments', async t => {
  const versioned = freshName('versioned')
  const access = await fetch(server.swift.authUrl, {
    headers: { 'X-Auth-User': server.swift.user, 'X-Auth-Key': server.swift.key },
  })
  const made = await fetch(`${access.headers.get('x-storage-url') ?? ''}/${versioned}`, {
    method: 'PUT',
    headers: {
      'X-Auth-Token': access.headers.get('x-auth-token') ?? '',
      'X-Versions-Enabled': 'true',
    },
  })
  t.equal(made.status, 201)
  const own = await openSwiftStore(configOf(server), versioned, openOptions)
  await upload('v', pieces, own)
  const aborted = await own.createUpload('v', { meta: noMeta })
  await own.uploadPart(aborted, 1, pattern(10))
  await own.abortUpload(aborted, [])
  await own.put('v', pattern(10), { meta: noMeta })
  await own.delete('v')
  await own.sweep({ age: 0, isKnown })
  const kept = await service.open(`${versioned}_segments`)
  t.equal((await kept.list({ prefix: '.pailfs/seg/' })).objects.length, 3)
  own.close()
})

t.test('the swift tool and we read each other', { skip: !hasSwift }, async t => {
  await writeFile(join(folder, 'big'), whole)
  for (const [name, flags] of [
    ['slo', ['--use-slo']],
    ['dlo', []],
  ] as const) {
    await swift('upload', container, 'big', '--object-name', name, '-S', String(2 * MIB), ...flags)
    const head = await store.head(name)
    t.equal(head.size, whole.length)
    const listed = (await store.list({ prefix: name })).objects[0]
    t.match(listed, { size: whole.length, etag: head.etag }, `${name} in the listing`)
    t.ok(await same(name, whole))
    await store.copy({ key: name, etag: head.etag, size: head.size }, `${name}-renamed`, {})
    await store.delete(name)
    t.ok(await same(`${name}-renamed`, whole), 'renamed')
    await store.delete(`${name}-renamed`)
    t.strictSame(await records(), [], `${name}: all segments went`)
  }
  await upload('ours', pieces)
  await swift('download', container, 'ours', '-o', 'got')
  t.ok(whole.equals(await readFile(join(folder, 'got'))))
  await store.setMeta({ key: 'ours', size: whole.length }, { meta: { user: { mtime: '1.5' } } })
  t.match(await swift('stat', container, 'ours'), /Meta Mtime: 1\.5/)
  t.ok(await same('ours', whole), 'still whole after new metadata')
  await swift('delete', container, 'ours')
  t.strictSame(await segments(), [])
})

t.test("others' segments elsewhere are left alone", { skip: !hasSwift }, async t => {
  await swift(
    'upload',
    container,
    'big',
    '-S',
    String(2 * MIB),
    '--use-slo',
    '--segment-container',
    `${container}-x`,
  )
  await store.delete('big')
  const other = await service.open(`${container}-x`)
  t.equal((await other.list({ prefix: '' })).objects.length, 3)
})
