/** A damaged record database is an error that says what to do: it neither ends the process nor costs a byte. */
import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { damageOf, lmdbMetas, restoredOf, type LmdbMeta } from '../../src/core/lmdb-file.ts'
import { silentLog } from '../../src/core/ports.ts'
import type { KeyRecord } from '../../src/core/state.ts'
import { openJournal } from '../../src/journal/lmdb-journal.ts'
import { recovered } from '../../src/writeback/recovered.ts'
import { byKey, fileRecord, freshFolder } from './subjects.ts'

const PAGE = 4096
const open = (folder: string) => openJournal({ folder, stagingLimit: 1 << 30, log: silentLog })

/** The folder as a kill would leave it now. */
function copyOf(folder: string): string {
  const copy = freshFolder()
  cpSync(folder, copy, { recursive: true, filter: name => !name.endsWith('.sock') })
  for (const name of readdirSync(copy)) if (name.startsWith('lock.')) rmSync(join(copy, name))
  return copy
}

function large(key: string): KeyRecord {
  const content = { from: 'inline' as const, base64: 'A'.repeat(12_000) }
  return { key, desired: { is: 'present', content, meta: { user: {} } }, stored: { is: 'absent' } }
}

/** A journal with trees of several levels, values on pages of their own, free pages, and one change in the log only. */
async function filled(): Promise<{ folder: string; stage: string }> {
  const folder = freshFolder()
  let journal = await open(folder)
  for (let round = 0; round < 4; round++) {
    const keys = Array.from({ length: 2000 }, (_, n) => `${n % 40}/${'k'.repeat(n % 90)}${n}`)
    const put = keys.map((key, n) => (n % 97 === 0 ? large(key) : fileRecord(key)))
    journal.commit({ put: put.slice(round * 300), remove: keys.slice(0, round * 100) })
    await journal.checkpoint()
  }
  const stage = journal.createStage()
  await stage.write(new Uint8Array(10).fill(1), 0)
  journal.commit({ put: [fileRecord('staged', stage.id)], remove: [] })
  await journal.close()
  journal = await open(folder)
  journal.commit({ put: [large('late')], remove: [] })
  const copy = copyOf(folder)
  await journal.close()
  rmSync(folder, { recursive: true })
  return { folder: copy, stage: stage.id }
}

t.test('damage is told, nothing is changed, and it can be gone on from', async t => {
  const { folder, stage } = await filled()
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'records', 'data.mdb')
  const good = readFileSync(file)
  const damages: Record<string, (bytes: Buffer) => Buffer> = {
    garbage: ({ length }) => Buffer.alloc(length, 0x5a),
    'a word': () => Buffer.from('short'),
    zeros: () => Buffer.alloc(2 * PAGE),
    'half of it': bytes => bytes.subarray(0, bytes.length / 2),
    'a second meta page of zeros': bytes => bytes.fill(0, PAGE, 2 * PAGE),
    'trees of zeros': bytes => bytes.fill(0, 2 * PAGE),
    'trees of garbage': bytes => bytes.fill(0xff, 2 * PAGE),
  }
  for (const [what, make] of Object.entries(damages)) {
    const bytes = make(Buffer.from(good))
    writeFileSync(file, bytes)
    // Twice: the lock is free again.
    for (const _ of [1, 2]) {
      await t.rejects(
        open(folder),
        { errno: 'EIO', message: /data\.mdb is damaged \(.*log.*data/ },
        what,
      )
    }
    t.ok(readFileSync(file).equals(bytes), 'the file is as it was')
  }
  await t.test('an empty file', async t => {
    const copy = copyOf(folder)
    truncateSync(join(copy, 'records', 'data.mdb'), 0)
    const journal = await open(copy)
    recovered(journal, silentLog, 0)
    t.strictSame(journal.stages(), [stage], 'its bytes are kept')
    await journal.close()
    rmSync(copy, { recursive: true })
  })
  renameSync(file, `${file}.damaged`)
  let journal = await open(folder)
  t.strictSame(Object.keys(byKey(journal.records())), ['late'], 'what the log says')
  recovered(journal, silentLog, 0)
  t.strictSame(journal.stages(), [stage], 'a staged file that is named in the damaged one is kept')
  await journal.close()
  rmSync(`${file}.damaged`)
  writeFileSync(file, good)
  journal = await open(folder)
  t.ok(Object.keys(byKey(journal.records())).length > 1000, 'a copy that was put back')
  await journal.close()
})

t.test('every page that is read is looked at', async t => {
  const { folder } = await filled()
  t.teardown(() => rmSync(folder, { recursive: true }))
  const bytes = readFileSync(join(folder, 'records', 'data.mdb'))
  const touched = new Set<number>()
  const read = (at: number, length: number) => {
    touched.add(Math.floor(at / PAGE))
    return at + length <= bytes.length ? bytes.subarray(at, at + length) : undefined
  }
  const metas = lmdbMetas(read)!
  const meta = restoredOf(metas, metas.first.boot)
  touched.clear()
  t.equal(damageOf(read, meta), undefined)
  t.ok(touched.size > 50)
  for (const page of touched) {
    const kept = Buffer.from(bytes.subarray(page * PAGE, (page + 1) * PAGE))
    // The last page of a value holds nothing but bytes.
    if (kept.readBigUInt64LE() !== BigInt(page)) continue
    bytes.fill(0, page * PAGE, (page + 1) * PAGE)
    if (damageOf(read, meta) === undefined) t.fail(`page ${page}`)
    kept.copy(bytes, page * PAGE)
  }
  // The tree that leads to itself.
  t.match(damageOf(read, { ...meta, roots: [meta.roots[1]!, meta.roots[1]!] }), /twice/)
})

t.test('a file that ends before pages that are free is whole', async t => {
  const folder = freshFolder()
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'records', 'data.mdb')
  const journal = await open(folder)
  journal.commit({ put: [large('a')], remove: [] })
  // Free pages are used anew after a while.
  for (let round = 0; round < 6; round++) {
    await journal.checkpoint()
    journal.commit(
      round % 2 === 0 ? { put: [], remove: ['a'] } : { put: [fileRecord('a')], remove: [] },
    )
  }
  await journal.close()
  const bytes = readFileSync(file)
  const metas = lmdbMetas((at, length) => bytes.subarray(at, at + length))!
  const { roots, pages } = restoredOf(metas, metas.first.boot)
  const last = Math.max(...roots.filter(page => page < pages))
  t.ok(last + 1 < pages)
  truncateSync(file, (last + 1) * PAGE)
  const again = await open(folder)
  t.strictSame(Object.keys(byKey(again.records())), ['a'])
  await again.close()
})

t.test('which state LMDB goes on with', t => {
  const meta = (transaction: number, overlapping = true): LmdbMeta => {
    return { transaction, overlapping, boot: 7n, pageSize: PAGE, pages: 9, roots: [] }
  }
  const metas = { first: meta(10), second: meta(11), flushed: meta(9, false) }
  t.equal(restoredOf(metas, 7n).transaction, 11, 'after a kill the newest')
  t.equal(restoredOf(metas, 8n).transaction, 9, 'after another boot the last that was flushed')
  t.equal(restoredOf({ ...metas, flushed: meta(11, false) }, 8n).transaction, 11)
  t.equal(restoredOf({ ...metas, flushed: undefined }, 8n).transaction, 10)
  t.end()
})
