/** The time of a large file that is sent while it is written: no copy for its sake where nobody can tell. */
import t from 'tap'
import { bucketOf } from '../support/bucket-view.ts'
import { Core, WRITE } from '../support/core.ts'

const SECOND = 1000
const BYTES = 4000

interface Writing {
  /** Between any two writes of 100 bytes, ms. */
  readonly pause?: number
  /** After half of it was written. */
  readonly halfway?: () => Promise<unknown>
}

/** Writes /big in pieces and closes it; when each piece was written. */
async function writeBig(core: Core, { pause = SECOND, halfway }: Writing = {}): Promise<bigint[]> {
  const handle = await core.run(core.fs.create(1, 'big', 0o644, WRITE))
  const times: bigint[] = []
  for (let at = 0; at < BYTES; at += 100) {
    await core.clock.pass(pause)
    await core.run(core.fs.write(handle.handle, new Uint8Array(100).fill(at / 100), at))
    times.push(core.context.inodes.get(handle.attr.ino)!.mtime)
    if (at === BYTES / 2) await halfway?.()
  }
  await core.run(core.close(handle.handle))
  return times
}

async function stored(core: Core): Promise<bigint> {
  const mtime = (await bucketOf(core.memory)).get('big')!.meta.user['mtime']!
  const [seconds, rest = '0'] = mtime.split('.')
  return BigInt(seconds!) * 1_000_000_000n + BigInt(rest.padEnd(9, '0'))
}

t.test('nobody asked for it: a time of its writing, the same before and after', async t => {
  const core = new Core()
  const times = await writeBig(core)
  const { mtime } = await core.stat('/big')
  t.ok(times.includes(mtime), 'when something of it was written')
  t.equal(await core.drain(), 0)
  t.equal(core.counting.count('setMeta'), 0, 'no copy')
  t.equal(await stored(core), mtime)
  t.equal((await core.stat('/big')).mtime, mtime)
  t.equal((await core.other().stat('/big')).mtime, mtime)
})

t.test('somebody asked while it was written: the exact time, by a copy', async t => {
  const core = new Core()
  let told = 0n
  const times = await writeBig(core, {
    halfway: async () => (told = (await core.stat('/big')).mtime),
  })
  t.equal(told, times[BYTES / 200])
  t.equal((await core.stat('/big')).mtime, times.at(-1))
  t.equal(await core.drain(), 0)
  t.equal(core.counting.count('setMeta'), 1)
  t.equal(await stored(core), times.at(-1))
})

t.test('written again after somebody was told: another time', async t => {
  const core = new Core()
  await writeBig(core)
  const before = (await core.stat('/big')).mtime
  await core.patch('/big', 'X', 1234)
  const after = (await core.stat('/big')).mtime
  t.ok(after > before)
  t.equal(await core.drain(), 0)
  t.equal(await stored(core), after)
})

t.test('written again after a restart: another time', async t => {
  const first = new Core()
  await writeBig(first)
  const before = (await first.stat('/big')).mtime
  const core = first.restart()
  await core.patch('/big', 'X', 1234)
  t.ok((await core.stat('/big')).mtime > before)
  t.equal(await core.drain(), 0)
  t.ok((await stored(core)) > before)
})

t.test('written again after an fsync: another time', async t => {
  const core = new Core()
  await writeBig(core)
  await core.fsync('/big')
  const before = await stored(core)
  await core.write('/big', new Uint8Array(BYTES).fill(7))
  t.equal(await core.drain(), 0)
  t.ok((await stored(core)) > before)
})

t.test('a program sets the time: that one', async t => {
  const core = new Core()
  await writeBig(core)
  await core.set('/big', { mtime: 1_234_567_890_123_456_789n })
  t.equal(await core.drain(), 0)
  t.equal(await stored(core), 1_234_567_890_123_456_789n)
  t.equal((await core.stat('/big')).mtime, 1_234_567_890_123_456_789n)
})

t.test('copied anyway for its mode: the exact time goes with it', async t => {
  const core = new Core()
  const times = await writeBig(core, {
    halfway: () => core.set('/big', { perm: 0o600 }),
  })
  t.equal(await core.drain(), 0)
  t.equal(await stored(core), times.at(-1))
})

t.test('written for long: the exact time', async t => {
  const core = new Core()
  const times = await writeBig(core, { pause: 60 * SECOND })
  t.equal(await core.drain(), 0)
  t.equal(await stored(core), times.at(-1))
})

t.test('where metadata is taken at the end (Swift): the exact time, and no copy', async t => {
  const core = new Core({ store: { features: { metadataInPlace: true } } })
  const times = await writeBig(core)
  t.equal(await core.drain(), 0)
  t.equal(core.counting.count('setMeta'), 0)
  t.equal((await core.stat('/big')).mtime, times.at(-1))
})
