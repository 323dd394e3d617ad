/** All buckets as one store: the conformance suite below one bucket, and what is between them. */
import t from 'tap'
import { allBuckets } from '../../src/store/all-buckets.ts'
import { MemoryService } from '../../src/store/memory/memory-service.ts'
import { withPrefix } from '../../src/store/prefix.ts'
import { storeConformance } from '../conformance/store.ts'
import { bytes, noMeta, rejects } from '../conformance/support.ts'

const clock = {
  now: () => Date.now(),
  after: (delay: number, then: () => void) => {
    const timer = setTimeout(then, delay)
    return { cancel: () => clearTimeout(timer) }
  },
}

function service(): MemoryService {
  return new MemoryService({ clock, random: Math.random })
}

await storeConformance(t, 'below one of all buckets', async () => {
  const account = service()
  await account.createBucket('one')
  return withPrefix(allBuckets(account, clock), 'one/')
})

await t.test('buckets are made, listed and removed', async t => {
  const store = allBuckets(service(), clock)
  await store.buckets!.create('aaa')
  await store.buckets!.create('a-b')
  await rejects(t, store.buckets!.create('aaa'), 'exists', 'ours already')
  await rejects(t, store.buckets!.create('Bad'), 'invalid', 'the rule')
  t.same((await store.list({ prefix: '', delimiter: '/' })).prefixes, ['a-b/', 'aaa/'])
  t.match(await store.head('aaa/'), { key: 'aaa/', size: 0 })
  await rejects(t, store.head('aaa'), 'not-found', 'no object beside the buckets')
  await store.put('aaa/k', bytes('x'), { meta: noMeta })
  await rejects(t, store.buckets!.remove('aaa'), 'not-empty', 'nothing deleted')
  t.equal((await store.head('aaa/k')).size, 1)
  const stored = await store.copy({ key: 'aaa/k', size: 1 }, 'a-b/k', {}).catch(error => error)
  t.match(stored, { size: 1 }, 'copied through')
  const keys: string[] = []
  for (let token: string | undefined; ;) {
    const page = await store.list({ prefix: '', limit: 1, ...(token ? { token } : {}) })
    keys.push(...page.objects.map(({ key }) => key))
    if (page.next === undefined) break
    token = page.next
  }
  t.same(keys, ['a-b/', 'a-b/k', 'aaa/', 'aaa/k'], 'a flat listing goes through all')
  t.equal((await store.deleteMany(['aaa/k', 'a-b/k', 'gone/k'])).size, 0)
  await store.buckets!.remove('aaa')
  t.same((await store.list({ prefix: '', delimiter: '/' })).prefixes, ['a-b/'])
  t.same((await store.list({ prefix: 'aaa/' })).objects, [])
})
