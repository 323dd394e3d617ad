/** What only the journal on a real disk has: damage, full disks, permissions, formats, descriptors, the log. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLog } from '../../src/core/ports.ts'
import { prepareFolder } from '../../src/journal/journal-folder.ts'
import { openJournal, type JournalOptions } from '../../src/journal/lmdb-journal.ts'
import { recovered } from '../../src/writeback/recovered.ts'
import { byKey, contents, fileRecord, freshFolder, whyNot } from './subjects.ts'

const base = { key: 'b', etag: 'e', size: 100 }
const open = (folder: string, more: Partial<JournalOptions> = {}) =>
  openJournal({ folder, stagingLimit: 1 << 30, log: silentLog, ...more })

/** The folder as a kill would leave it now. */
function copyOf(folder: string): string {
  const copy = freshFolder()
  cpSync(folder, copy, { recursive: true, filter: name => !name.endsWith('.sock') })
  for (const name of readdirSync(copy)) if (name.startsWith('lock.')) rmSync(join(copy, name))
  return copy
}

t.test('the tail of a map that was torn is cut, and the map goes on', async t => {
  const folder = freshFolder()
  let journal = await open(folder)
  const { id } = journal.createStage(base)
  await journal.openStage(id).write(new Uint8Array(10).fill(1), 5)
  await journal.openStage(id).write(new Uint8Array(10).fill(2), 50)
  await journal.close()
  const map = join(folder, 'stages', `${id}.map`)
  truncateSync(map, statSync(map).size - 3)
  journal = await open(folder)
  const stage = journal.openStage(id)
  t.strictSame(stage.own, [{ start: 5, end: 15 }])
  await stage.write(new Uint8Array(10).fill(3), 70)
  await journal.close()
  appendFileSync(map, 'garbage that is no frame')
  journal = await open(folder)
  t.strictSame(journal.openStage(id).own, [
    { start: 5, end: 15 },
    { start: 70, end: 80 },
  ])
  await journal.close()
  rmSync(map)
  journal = await open(folder)
  t.throws(() => journal.openStage(id), { message: /map is missing/ })
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('a shrink cut before its frame was written', async t => {
  const folder = freshFolder()
  let journal = await open(folder)
  const { id } = journal.createStage(base)
  await journal.close()
  truncateSync(join(folder, 'stages', id), 40)
  journal = await open(folder)
  const stage = journal.openStage(id)
  t.strictSame([stage.size, stage.baseLimit], [40, 40])
  await stage.truncate(60)
  await journal.close()
  journal = await open(folder)
  t.strictSame([journal.openStage(id).size, journal.openStage(id).baseLimit], [60, 40])
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('maps are compacted', async t => {
  const folder = freshFolder()
  let journal = await open(folder)
  const size = 1 << 30
  const stage = journal.createStage({ ...base, size })
  const two = new Uint8Array(2).fill(9)
  // One range that grows by two bytes at a time: a frame each.
  for (let at = 0; at < 50_000; at += 2) await stage.write(two, at)
  const { size: length } = statSync(join(folder, 'stages', `${stage.id}.map`))
  t.ok(length < 300_000, String(length))
  await journal.sync()
  await journal.close()
  journal = await open(folder)
  t.strictSame(journal.openStage(stage.id).own, [{ start: 0, end: 50_000 }])
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('the log is replayed, and what is torn is cut', async t => {
  const folder = freshFolder()
  const journal = await open(folder)
  for (let n = 0; n < 20; n++) journal.commit({ put: [fileRecord(`k${n}`)], remove: [] })
  const whole = copyOf(folder)
  const [name] = readdirSync(join(whole, 'log'))
  const path = join(whole, 'log', name!)
  const bytes = readFileSync(path)
  for (const cut of [1, 200, bytes.length - 1]) {
    const copy = copyOf(whole)
    writeFileSync(join(copy, 'log', name!), bytes.subarray(0, bytes.length - cut))
    const again = await open(copy)
    const found = Object.keys(byKey(again.records()))
    t.strictSame(found.sort(), Array.from({ length: found.length }, (_, n) => `k${n}`).sort())
    t.equal(found.length < 20, true)
    again.commit({ put: [fileRecord('later')], remove: [] })
    await again.close()
    rmSync(copy, { recursive: true })
  }
  const again = await open(whole)
  t.equal([...again.records()].length, 20)
  t.equal(again.doubtful.size, 0)
  await again.close()
  await journal.close()
  for (const one of [folder, whole]) rmSync(one, { recursive: true })
})

t.test(
  'after another boot, what was not synced is doubtful until it is committed anew',
  async t => {
    const folder = freshFolder()
    const journal = await open(folder)
    journal.commit({ put: [fileRecord('a'), fileRecord('b')], remove: [] })
    await journal.sync()
    journal.commit({ put: [fileRecord('b', 'new'), fileRecord('c')], remove: [] })
    const copy = copyOf(folder)
    await journal.close()
    const log = join(copy, 'log')
    const [name] = readdirSync(log)
    const bytes = readFileSync(join(log, name!))
    // The first frame names the boot: make it another, with its checksum.
    const { crc32 } = await import('node:zlib')
    bytes.write('{"boot":"00000000', 16)
    bytes.writeUInt32LE(crc32(bytes.subarray(16, 16 + bytes.readUInt32LE(8))), 12)
    writeFileSync(join(log, name!), bytes)
    for (let times = 0; times < 2; times++) {
      const again = await open(copy)
      t.strictSame([...again.doubtful].sort(), ['b', 'c'])
      t.equal([...again.records()].length, 3)
      if (times === 0) {
        // As a kill would leave it: not closed, so that it is doubtful still.
        const killed = copyOf(copy)
        await again.close()
        rmSync(copy, { recursive: true })
        cpSync(killed, copy, { recursive: true })
        rmSync(killed, { recursive: true })
      } else await again.close()
    }
    const last = await open(copy)
    t.equal(last.doubtful.size, 0)
    t.equal([...last.records()].length, 3)
    await last.close()
    for (const one of [folder, copy]) rmSync(one, { recursive: true })
  },
)

t.test('checkpoints, while commits go on', async t => {
  const folder = freshFolder()
  const journal = await open(folder, { checkpointEvery: 10_000 })
  for (let n = 0; n < 2000; n++) {
    journal.commit({ put: [fileRecord(`k${n % 300}`, String(n))], remove: [`k${(n + 150) % 300}`] })
    if (n % 10 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  const expected = byKey(journal.records())
  t.equal(Object.keys(expected).length, 150)
  const copy = copyOf(folder)
  t.ok(readdirSync(join(folder, 'log')).length < 20)
  await journal.close()
  t.strictSame(readdirSync(join(folder, 'log')), [])
  for (const one of [folder, copy]) {
    const again = await open(one)
    t.strictSame(byKey(again.records()), expected)
    await again.close()
    rmSync(one, { recursive: true })
  }
})

t.test('nobody else can read it, and people find out what it is', async t => {
  const folder = join(freshFolder(), 'state', 'bucket')
  const journal = await open(folder, { about: { bucket: 'bucket', endpoint: 'http://h/' } })
  const stage = journal.createStage(base)
  journal.commit({ put: [fileRecord('a', stage.id)], remove: [] })
  await journal.checkpoint()
  t.equal(statSync(folder).mode & 0o777, 0o700)
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const { mode } = statSync(join(folder, name))
    if (!name.endsWith('.sock') && !name.startsWith('records/lock')) t.equal(mode & 0o077, 0, name)
  }
  t.match(JSON.parse(readFileSync(join(folder, 'journal.json'), 'utf8')), { bucket: 'bucket' })
  t.equal(readFileSync(join(folder, 'format'), 'utf8'), '1\n')
  await journal.close()
  writeFileSync(join(folder, 'format'), '2\n')
  await t.rejects(open(folder), { message: /format 2.*formats up to 1/ })
  writeFileSync(join(folder, 'format'), '1\n')
  await (await open(folder)).close()
})

t.test('older formats are brought up step by step', async t => {
  const folder = freshFolder()
  mkdirSync(join(folder, 'stages'))
  writeFileSync(join(folder, 'format'), '3\n')
  const ran: number[] = []
  const migrations = new Map([3, 4].map(format => [format, () => void ran.push(format)]))
  prepareFolder(folder, undefined, migrations, 5)
  t.strictSame(ran, [3, 4])
  t.equal(readFileSync(join(folder, 'format'), 'utf8'), '5\n')
  t.throws(() => prepareFolder(folder, undefined, migrations, 6), { message: /unknown format 5/ })
  rmSync(folder, { recursive: true })
})

t.test('many stages use few descriptors', async t => {
  const folder = freshFolder()
  const journal = await open(folder, { openFiles: 16 })
  const stages = Array.from({ length: 300 }, () => journal.createStage(base))
  await Promise.all(stages.map((stage, n) => stage.write(new Uint8Array(40_000).fill(n), 0)))
  const openNow = readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(folder, 'stages'))
    } catch {
      return false
    }
  })
  t.ok(openNow.length <= 20, String(openNow.length))
  t.equal((await contents(journal, stages[7]!.id))[100], 7)
  await journal.sync()
  for (const stage of stages) journal.removeStage(stage.id)
  await journal.sync()
  t.strictSame(readdirSync(join(folder, 'stages')), [])
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('a full disk', async t => {
  const folder = freshFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'pipe' })
  } catch (error) {
    rmSync(folder, { recursive: true })
    t.pass('a small disk', { skip: whyNot(error) })
    return
  }
  const more = { keepFree: 0, checkpointEvery: 300_000 }
  let journal = await open(folder, more)
  try {
    const stage = journal.createStage()
    await stage.write(new Uint8Array(1 << 20).fill(5), 0)
    journal.commit({ put: [fileRecord('first', stage.id)], remove: [] })
    const other = journal.createStage()
    let size = 0
    await t.rejects(
      (async () => {
        for (; ; size += 100_000) await other.write(new Uint8Array(100_000).fill(6), size)
      })(),
      { message: /^ENOSPC/ },
    )
    t.equal(other.size, size)
    let count = 0
    const many = () => ({ put: [fileRecord(`key${count}`, 's'.repeat(500))], remove: ['x'] })
    try {
      for (; ; count++) journal.commit(many())
    } catch (error) {
      t.match(error, { errno: 'ENOSPC' })
    }
    const expected = byKey(journal.records())
    t.equal(Object.keys(expected).length, count + 1)
    await t.rejects(journal.checkpoint(), { message: /^ENOSPC/ })
    t.throws(() => journal.commit(many()), { message: /^ENOSPC/ })
    t.strictSame(byKey(journal.records()), expected)
    t.equal((await contents(journal, stage.id))[99], 5)
    await journal.sync().catch(() => {})
    await journal.close()
    // There is no room to begin a log; once there is, all is there.
    await t.rejects(open(folder, more), { message: /^ENOSPC/ })
    truncateSync(join(folder, 'stages', other.id), 0)
    journal = await open(folder, more)
    t.strictSame(byKey(journal.records()), expected)
    t.equal((await contents(journal, stage.id))[99], 5)
    journal.removeStage(other.id)
    journal.commit({ put: [fileRecord('again')], remove: [] })
    await journal.sync()
    await journal.checkpoint()
  } finally {
    await journal.close()
    execFileSync('umount', [folder])
    rmSync(folder, { recursive: true })
  }
})

t.test('a record that cannot be read costs no other, and no staged file', async t => {
  const folder = freshFolder()
  let journal = await open(folder)
  const ids: string[] = []
  for (const key of ['first', 'second', 'third']) {
    const stage = journal.createStage()
    await stage.write(new Uint8Array(10).fill(1), 0)
    journal.commit({ put: [fileRecord(key, stage.id)], remove: [] })
    ids.push(stage.id)
  }
  await journal.close()
  const file = join(folder, 'records', 'data.mdb')
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf('"second"'); at >= 0; at = bytes.indexOf('"second"', at + 1)) {
    bytes.fill(0xff, at + 9, at + 12)
  }
  writeFileSync(file, bytes)
  journal = await open(folder)
  t.strictSame(Object.keys(byKey(journal.records())).sort(), ['first', 'third'])
  t.strictSame([...(journal.damaged ?? [])], ['second'])
  recovered(journal, silentLog, 0)
  t.strictSame([...journal.stages()].sort(), ids.sort(), 'its bytes are kept')
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('a reserve of free space is kept', async t => {
  const folder = freshFolder()
  const journal = await open(folder, { keepFree: Number.MAX_SAFE_INTEGER })
  const stage = journal.createStage()
  await t.rejects(stage.write(new Uint8Array(1), 0), { message: /ENOSPC.*as full as it may get/ })
  journal.commit({ put: [fileRecord('k')], remove: [] })
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('a removed staged file goes with the next sync, at once if it was never synced', async t => {
  const folder = freshFolder()
  const journal = await open(folder)
  const files = () => readdirSync(join(folder, 'stages')).length
  const one = journal.createStage()
  await one.write(new Uint8Array(100), 0)
  await journal.sync()
  const two = journal.createStage(base)
  t.equal(files(), 3)
  journal.removeStage(two.id)
  journal.removeStage(one.id)
  t.equal(files(), 1)
  t.strictSame([journal.stages(), journal.staged], [[], 0])
  await journal.sync()
  t.equal(files(), 0)
  await journal.close()
  rmSync(folder, { recursive: true })
})

t.test('what waits for a sync to be removed counts against the limit until then', async t => {
  const folder = freshFolder()
  const journal = await open(folder, { stagingLimit: 1 << 20 })
  const one = journal.createStage()
  await one.write(new Uint8Array(100 << 10).fill(1), 0)
  await journal.sync()
  journal.removeStage(one.id)
  const two = journal.createStage()
  const most = new Uint8Array(960 << 10).fill(2)
  await t.rejects(two.write(most, 0), { message: /staging limit/ })
  await journal.sync()
  await two.write(most, 0)
  await journal.close()
  rmSync(folder, { recursive: true })
})
