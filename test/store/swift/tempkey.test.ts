/** Which key addresses are signed with: one that is there and works; else a new one, where none is. */
import t from 'tap'
import type { SwiftClient } from '../../../src/store/swift/client.ts'
import { TempKey } from '../../../src/store/swift/tempkey.ts'

type Scope = 'container' | 'account'
interface Asked {
  method: string
  container?: string
  headers?: Record<string, string>
}

/** A cluster that honours the keys of `honoured`, with these set on container and account. */
function cluster(keys: Partial<Record<Scope, string>>, honoured: Scope[], readOnly: Scope[] = []) {
  const set: Record<string, string> = {}
  const client = {
    request: async ({ method, container, headers = {} }: Asked) => {
      const scope: Scope = container === undefined ? 'account' : 'container'
      const name = `x-${scope}-meta-temp-url-key`
      if (method === 'POST') {
        if (readOnly.includes(scope)) return { status: 403, headers: {} }
        keys[scope] = set[scope] = headers[name] ?? ''
      }
      return { status: 204, headers: keys[scope] === undefined ? {} : { [name]: keys[scope] } }
    },
    isReadable: async (address: string) => honoured.some(scope => address === `/${keys[scope]}`),
  }
  let now = 0
  const key = new TempKey(
    client as unknown as SwiftClient,
    'c',
    { now: () => now },
    () => 'new secret',
  )
  const get = () => key.get(secret => `/${secret}`)
  return { get, set, later: (ms: number) => (now += ms), keys }
}

t.test('one that is there is used, and nothing is set', async t => {
  const both = cluster({ container: 'c-key', account: 'a-key' }, ['container', 'account'])
  t.equal(await both.get(), 'c-key')
  const account = cluster({ account: 'a-key' }, ['container', 'account'])
  t.equal(await account.get(), 'a-key')
  const ceph = cluster({ container: 'c-key', account: 'a-key' }, ['account'])
  t.equal(await ceph.get(), 'a-key', 'a key that is kept and not honoured is passed by')
  t.strictSame([both.set, account.set, ceph.set], [{}, {}, {}])
})

t.test('where there is none, one is made', async t => {
  const fresh = cluster({}, ['container', 'account'])
  t.equal(await fresh.get(), 'new secret')
  t.strictSame(fresh.set, { container: 'new secret' })
  const ceph = cluster({}, ['account'])
  t.equal(await ceph.get(), 'new secret')
  t.ok(ceph.set['account'], 'on the account, where the container has no effect')
  const guarded = cluster({}, ['container', 'account'], ['container'])
  t.equal(await guarded.get(), 'new secret')
  t.strictSame(guarded.set, { account: 'new secret' })
})

t.test("others' keys are never replaced, and what is not allowed is said", async t => {
  const broken = cluster({ container: 'x', account: 'y' }, [])
  await t.rejects(broken.get(), { name: 'StoreError', kind: 'denied', message: /no key to sign/ })
  t.strictSame(broken.set, {})
  const guarded = cluster({}, ['container', 'account'], ['container', 'account'])
  await t.rejects(guarded.get(), { name: 'StoreError', message: /Temp-URL-Key/ })
})

t.test('a key is asked for again after a while', async t => {
  const { get, keys, later } = cluster({ container: 'one' }, ['container'])
  t.equal(await get(), 'one')
  keys.container = 'two'
  t.equal(await get(), 'one')
  later(301_000)
  t.equal(await get(), 'two')
})
