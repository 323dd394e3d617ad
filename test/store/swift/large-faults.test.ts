/**
 * Every request of a life of large objects fails once, before or after its effect. Whatever happens, no object that
 * is there has lost a byte; and in the end sweeping leaves nothing behind.
 */
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { StoreError } from '../../../src/core/errors.ts'
import { silentLog } from '../../../src/core/ports.ts'
import type { HttpReply } from '../../../src/store/http/types.ts'
import type { Body } from '../../../src/store/store.ts'
import { SwiftClient, type SwiftRequest } from '../../../src/store/swift/client.ts'
import { capabilitiesOf } from '../../../src/store/swift/features.ts'
import { Session } from '../../../src/store/swift/session.ts'
import { SwiftStore } from '../../../src/store/swift/swift-store.ts'
import { Transport } from '../../../src/store/swift/transport.ts'
import { noMeta, pattern, read } from '../../conformance/support.ts'
import { sharedSwift, whyMissing } from '../../support/servers.ts'
import { clock, configOf, freshName } from './access.ts'

const missing = await whyMissing('swift')
if (missing !== false) {
  t.pass(missing, { skip: missing })
  process.exit()
}
t.setTimeout(280_000)

/** A client whose `failing`th request from now on is lost, with or without its effect. */
class FailingClient extends SwiftClient {
  count = 0
  failing = Infinity
  late = false

  override async request(request: SwiftRequest): Promise<HttpReply> {
    const fails = ++this.count === this.failing
    if (fails && !this.late) throw lost(request)
    const reply = await super.request(request)
    if (fails) throw lost(request)
    return reply
  }
}

function lost({ operation }: SwiftRequest): StoreError {
  return new StoreError('unavailable', `${operation}: lost`, { operation })
}

function md5(body: Body): Promise<string> {
  const hash = createHash('md5')
  for (const piece of body instanceof Uint8Array ? [body] : body) hash.update(piece)
  return Promise.resolve(hash.digest('hex'))
}

const server = await sharedSwift()
const transport = new Transport()
const session = new Session(configOf(server), transport, clock)
const { storageUrl } = await session.access()
const client = new FailingClient(session, transport)
const capabilities = capabilitiesOf(await client.info())
t.teardown(() => transport.close())

function open(container: string): SwiftStore {
  return new SwiftStore({
    client,
    container,
    storageUrl,
    capabilities,
    clock,
    random: Math.random,
    log: silentLog,
    md5,
    newKey: () => randomBytes(8).toString('hex'),
    close() {},
  })
}

const pieces = [pattern(50, 1), pattern(60, 2)]
const first = Buffer.concat(pieces)
const tail = pattern(30, 3)
const edited = Buffer.concat([first.subarray(0, 70), tail])

/** Upload, copy, edit of the copy, deletion of the original, a plain object over the copy. */
async function life(store: SwiftStore): Promise<void> {
  const upload = await store.createUpload('a', { meta: noMeta })
  const parts = []
  for (const [i, piece] of pieces.entries())
    parts.push(await store.uploadPart(upload, i + 1, piece))
  const { etag, size } = await store.completeUpload(upload, parts, { meta: noMeta })
  await store.copy({ key: 'a', etag, size }, 'b', {})
  const change = await store.createUpload('b', { meta: noMeta })
  const kept = await store.copyPart(change, 1, { key: 'b', size }, { start: 0, end: 70 })
  const added = await store.uploadPart(change, 2, tail)
  await store.delete('a')
  await store.completeUpload(change, [kept, added], { meta: noMeta })
  await store.put('b', tail, { meta: noMeta })
}

async function check(
  store: SwiftStore,
  key: string,
  allowed: readonly Uint8Array[],
): Promise<string> {
  try {
    const got = await read(store, key)
    return allowed.some(each => Buffer.from(each).equals(got))
      ? ''
      : `${key} has ${got.length} other bytes`
  } catch (error) {
    return (error as StoreError).kind === 'not-found' ? '' : `${key}: ${String(error)}`
  }
}

t.test('nothing is lost, nothing is left', async t => {
  const container = freshName('faults')
  await client.request({ operation: 'CreateContainer', method: 'PUT', container })
  client.count = 0
  await life(open(container))
  const requests = client.count
  t.ok(requests > 20, `${requests} requests`)
  for (let at = 1; at <= requests; at++) {
    const store = open(container)
    Object.assign(client, { count: 0, failing: at, late: at % 2 === 0 })
    const failed = await life(store).then(
      () => 'not noticed',
      (error: Error) => error.message,
    )
    client.failing = Infinity
    const faults = [
      await check(store, 'a', [first]),
      await check(store, 'b', [first, edited, tail]),
    ]
    for (const upload of await store.listUploads('')) await store.abortUpload(upload, [])
    faults.push(await check(store, 'a', [first]), await check(store, 'b', [first, edited, tail]))
    await store.sweep({ age: 0, isKnown: () => false })
    faults.push(await check(store, 'a', [first]), await check(store, 'b', [first, edited, tail]))
    await store.delete('a')
    await store.delete('b')
    await store.sweep({ age: 0, isKnown: () => false })
    const left = (await open(`${container}_segments`).list({ prefix: '' })).objects.map(
      each => each.key,
    )
    t.strictSame([faults.filter(each => each !== ''), left], [[], []], `request ${at}: ${failed}`)
  }
})
