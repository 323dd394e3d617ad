/** What an object's metadata has a note of is set again with each write; over the memory store, which loses it as S3 does. */
import t from 'tap'
import { StoreError } from '../../src/core/errors.ts'
import type { CannedAcl, ObjectMeta } from '../../src/core/types.ts'
import { cannedOf, keepExtras } from '../../src/store/kept-extras.ts'
import { FaultyStore } from '../../src/store/memory/faults.ts'
import { grantsOf } from '../../src/store/memory/acl.ts'
import { MemoryStore } from '../../src/store/memory/memory-store.ts'
import { bytes } from '../conformance/support.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const random = (): number => 0.5
const meta: ObjectMeta = { user: {}, kept: 'acl=public-read&tags=a%3D1' }
const RULES: CannedAcl[] = ['private', 'public-read', 'public-read-write', 'authenticated-read']

async function setup() {
  const clock = new VirtualClock()
  const memory = new MemoryStore({ clock, random })
  const faulty = new FaultyStore(memory, { clock, random })
  const store = keepExtras(faulty)
  await memory.put('f', bytes('one'), { meta, acl: 'public-read' })
  await memory.setTags('f', { a: '1' })
  const ruleOf = async (key: string) => cannedOf(await memory.getAcl(key))
  return { clock, memory, faulty, store, ruleOf }
}

t.test('grants as canned rules', async t => {
  for (const rule of RULES) t.equal(cannedOf(grantsOf(rule)), rule)
  const more = { grantee: 'user somebody', permission: 'READ' }
  t.equal(cannedOf([...grantsOf('public-read'), more]), undefined)
  t.equal(cannedOf([{ grantee: 'group http://x/LogDelivery', permission: 'WRITE' }]), undefined)
})

t.test('every write keeps them', async t => {
  const { clock, memory, store, ruleOf } = await setup()
  await clock.run(store.put('f', bytes('two'), { meta }))
  t.equal(await ruleOf('f'), 'public-read')
  t.strictSame(await memory.getTags('f'), { a: '1' })
  const upload = await clock.run(store.createUpload('f', { meta }))
  const part = await clock.run(store.uploadPart(upload, 1, bytes('three')))
  const { etag } = await clock.run(store.completeUpload(upload, [part], { meta }))
  t.equal(await ruleOf('f'), 'public-read')
  t.strictSame(await memory.getTags('f'), { a: '1' })
  await clock.run(store.copy({ key: 'f', etag, size: 5 }, 'g', { meta }))
  t.equal(await ruleOf('g'), 'public-read')
  t.strictSame(await memory.getTags('g'), { a: '1' })
  await clock.run(store.put('new', bytes('x'), { meta }))
  t.equal(await ruleOf('new'), 'public-read', 'by the note alone where nothing is there yet')
  t.strictSame(await memory.getTags('new'), { a: '1' })
  await clock.run(store.put('f', bytes('x'), { meta: { user: {} } }))
  t.equal(await ruleOf('f'), 'private', 'without a note it is an object like others')
})

t.test('what others changed counts more than the note', async t => {
  const { clock, memory, store, ruleOf } = await setup()
  await memory.setAcl('f', 'private')
  await memory.setTags('f', { b: '2' })
  await clock.run(store.put('f', bytes('two'), { meta }))
  t.equal(await ruleOf('f'), 'private')
  t.strictSame(await memory.getTags('f'), { b: '2' })
})

t.test('a saved file that takes the place of another', async t => {
  const { clock, memory, store, ruleOf } = await setup()
  const { etag, size } = await memory.put('tmp', bytes('new'), { meta: { user: {} } })
  await clock.run(store.copy({ key: 'tmp', etag, size }, 'f', { meta }))
  t.equal(await ruleOf('f'), 'public-read')
  t.strictSame(await memory.getTags('f'), { a: '1' })
})

t.test('an object that was stored before its note is no other will', async t => {
  const { clock, memory, store, ruleOf } = await setup()
  const { etag, size } = await memory.put('f', bytes('in parts'), { meta: { user: {} } })
  await clock.run(store.setMeta({ key: 'f', etag, size }, { meta }))
  t.equal(await ruleOf('f'), 'public-read')
  t.strictSame(await memory.getTags('f'), { a: '1' })
})

t.test('a write does not fail for them', async t => {
  const { clock, memory, faulty, store, ruleOf } = await setup()
  faulty.failNext('getAcl', 'denied')
  faulty.failNext('getTags', 'denied')
  await clock.run(store.put('f', bytes('two'), { meta }))
  t.equal(await ruleOf('f'), 'public-read', 'who may not ask goes by the note')
  faulty.failNext('put', 'denied')
  await clock.run(store.put('f', bytes('three'), { meta }))
  t.equal((await memory.head('f')).size, 5, 'who may not set any stores the object')
  t.equal(await ruleOf('f'), 'private')
  faulty.failNext('getAcl', 'unavailable')
  await t.rejects(clock.run(store.put('f', bytes('four'), { meta })), StoreError)
})
