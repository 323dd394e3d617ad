/** Conformance: listings. Order, prefixes, folding, pages, where to begin. */
import type { Group } from './support.ts'
import { ODD_NAMES, bytes, listAll, noMeta, settled } from './support.ts'

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

export const listing: Group = async (t, store, base) => {
  const keys = ODD_NAMES.map(name => `${base}l/${name}`).sort(byUtf8)
  await Promise.all(keys.map(key => store.put(key, bytes(key), { meta: noMeta })))

  await t.test('all, in the order of UTF-8 bytes', async t => {
    const found = await settled(
      store,
      () => listAll(store, `${base}l/`),
      list => list.length === keys.length,
    )
    t.strictSame(
      found.map(object => object.key),
      keys,
    )
    for (const object of found) {
      t.equal(object.size, Buffer.byteLength(object.key))
      t.ok(object.modified > 1_600_000_000_000 && object.modified < Date.now() + 3_600_000)
      t.notMatch(object.etag, /^$|"/)
    }
    const one = found.find(object => object.key === `${base}l/plain`)
    t.equal(one?.etag, (await store.head(`${base}l/plain`)).etag)
  })

  await t.test('in pages', async t => {
    for (const limit of [1, 3, keys.length]) {
      const found = await listAll(store, `${base}l/`, limit)
      t.strictSame(
        found.map(object => object.key),
        keys,
        `${limit} a page`,
      )
    }
  })

  await t.test('after a key', async t => {
    for (const at of [0, 5, keys.length - 1]) {
      const page = await store.list({ prefix: `${base}l/`, startAfter: keys[at] as string })
      t.strictSame(
        page.objects.map(object => object.key),
        keys.slice(at + 1),
      )
    }
    const { objects } = await store.list({ prefix: `${base}l/`, startAfter: `${base}l/between` })
    t.strictSame(
      objects.map(object => object.key),
      keys.filter(key => byUtf8(key, `${base}l/between`) > 0),
      'the key need not be there',
    )
  })

  await t.test('folded at slashes', async t => {
    const rests = keys.map(key => key.slice(`${base}l/`.length))
    const prefixes = new Set(
      rests
        .filter(rest => rest.includes('/'))
        .map(rest => `${base}l/${rest.slice(0, rest.indexOf('/') + 1)}`),
    )
    const plain = keys.filter(key => !key.slice(`${base}l/`.length).includes('/'))
    for (const limit of [undefined, 1, 4]) {
      const objects: string[] = []
      const folded: string[] = []
      let token: string | undefined
      do {
        const page = await store.list({
          prefix: `${base}l/`,
          delimiter: '/',
          ...(token === undefined ? {} : { token }),
          ...(limit === undefined ? {} : { limit }),
        })
        t.ok(
          limit === undefined || page.objects.length + page.prefixes.length <= limit,
          'the limit holds',
        )
        objects.push(...page.objects.map(object => object.key))
        folded.push(...page.prefixes)
        token = page.next
      } while (token !== undefined)
      t.strictSame(objects, plain, `objects, limit ${limit}`)
      t.strictSame(folded, [...prefixes].sort(byUtf8), `prefixes, limit ${limit}`)
    }
  })

  await t.test('a prefix need not end with a slash; nothing below is an empty page', async t => {
    const some = await store.list({ prefix: `${base}l/tr`, delimiter: '/' })
    t.strictSame([some.objects.length, some.prefixes], [0, [`${base}l/trailing/`]])
    const marker = await store.list({ prefix: `${base}l/trailing/`, delimiter: '/' })
    t.strictSame(
      [marker.objects.map(object => object.key), marker.prefixes],
      [[`${base}l/trailing/`], [`${base}l/trailing//`]],
    )
    const none = await store.list({ prefix: `${base}nothing here/`, delimiter: '/' })
    t.strictSame([none.objects, none.prefixes, none.next], [[], [], undefined])
  })
}
