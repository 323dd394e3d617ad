/** Conformance: what only some servers have, by feature: grants, tags, URLs, usage. */
import type { Group } from './support.ts'
import { bytes, noMeta, rejects } from './support.ts'

export const extras: Group = async (t, store, base) => {
  const key = `${base}extra ž+&`
  await store.put(key, bytes('extra'), { meta: noMeta })

  await t.test('tags', async t => {
    if (!store.features.tags) {
      await rejects(t, store.setTags(key, { a: 'b' }), 'unsupported', 'setTags')
      return
    }
    t.strictSame(await store.getTags(key), {})
    const set = await store.setTags(key, { a: 'b', 'c d': 'e/f' }).then(
      () => true,
      (error: { kind: string }) => {
        t.equal(error.kind, 'unsupported')
        t.equal(store.features.tags, false, 'and the store has learnt it')
        return false
      },
    )
    if (!set) return
    t.strictSame({ ...(await store.getTags(key)) }, { a: 'b', 'c d': 'e/f' })
    await store.setTags(key, {})
    t.strictSame({ ...(await store.getTags(key)) }, {})
  })

  await t.test('grants', async t => {
    if (!store.features.acl) {
      await rejects(t, store.setAcl(key, 'public-read'), 'unsupported', 'setAcl')
      return
    }
    const set = await store.setAcl(key, 'public-read').then(
      () => true,
      (error: { kind: string }) => {
        t.equal(error.kind, 'unsupported')
        t.equal(store.features.acl, false, 'and the store has learnt it')
        return false
      },
    )
    if (!set) return
    t.ok((await store.getAcl(key)).some(grant => grant.permission === 'READ'))
    await store.setAcl(key, 'private')
    t.notOk((await store.getAcl(key)).some(grant => /AllUsers|\.r:\*/.test(grant.grantee)))
  })

  await t.test('addresses', async t => {
    const url = store.url(key)
    t.ok(url.length > 0)
    t.notMatch(url, /signature|token/i)
    if (!store.features.signedUrl) return
    const signed = await store.signedUrl(key, 60_000)
    if (!signed.startsWith('http')) return
    const reply = await fetch(signed)
    t.equal(await reply.text(), 'extra')
  })

  await t.test('usage', async t => {
    const usage = await store.usage()
    if (usage !== undefined) t.ok(usage.bytes >= 0 && usage.objects >= 0)
  })
}
