/** What can be got out of a journal when the bucket is gone, and what recovery makes of one. */
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { KeyRecord } from '../../src/core/state.ts'
import { exportPath, exportPending, listPending } from '../../src/journal/export.ts'
import { MemoryJournal } from '../../src/journal/memory-journal.ts'
import { recover } from '../../src/journal/recovery.ts'
import { fileRecord, freshFolder } from './subjects.ts'

const stored = { is: 'unknown' } as const
const base = { key: 'old', etag: 'e', size: 10 }

function inline(key: string, text: string): KeyRecord {
  const base64 = Buffer.from(text).toString('base64')
  return { key, desired: { is: 'present', content: { from: 'inline', base64 } }, stored }
}

t.test('export', async t => {
  const journal = new MemoryJournal()
  const whole = journal.createStage()
  await whole.write(Buffer.from('whole'), 0)
  const partial = journal.createStage(base)
  await partial.write(Buffer.from('XX'), 4)
  journal.commit({
    put: [
      fileRecord('dir/file', whole.id),
      fileRecord('dir', whole.id),
      fileRecord('../../etc/passwd', whole.id),
      fileRecord('n'.repeat(300), whole.id),
      fileRecord('big', partial.id, base),
      fileRecord('lost', 'nowhere'),
      inline('link', 'target'),
      inline('empty/', ''),
      { key: 'gone', desired: { is: 'absent' }, stored },
      {
        key: 'moved',
        desired: { is: 'present', content: { from: 'stored', source: base } },
        stored,
      },
    ],
    remove: [],
  })
  const listed = Object.fromEntries(
    [...listPending(journal)].map(({ record, what, size, elsewhere }) => [
      record.key,
      [what, size, elsewhere],
    ]),
  )
  const hidden = [
    { start: 0, end: 4 },
    { start: 6, end: 10 },
  ]
  t.strictSame(listed['big'], ['file', 10, hidden])
  t.strictSame(listed['gone'], ['delete', 0, []])
  t.strictSame(listed['lost'], ['lost', 0, []])
  t.strictSame(listed['moved'], ['copy', 10, [{ start: 0, end: 10 }]])

  const folder = join(freshFolder(), 'out')
  const done = await exportPending(journal, folder)
  const at = (key: string) => done.find(one => one.record.key === key)?.path
  const read = (path: string) => readFileSync(join(folder, path), 'utf8')
  t.equal(read('dir/file'), 'whole')
  t.equal(at('dir'), 'dir~2')
  t.equal(read('dir~2'), 'whole')
  t.equal(read('%2E%2E/%2E%2E/etc/passwd'), 'whole')
  t.equal(read('big.partial'), '\0\0\0\0XX\0\0\0\0')
  t.equal(read('link'), 'target')
  t.ok(statSync(join(folder, 'empty')).isDirectory())
  t.equal(at('lost') ?? at('gone') ?? at('moved'), undefined)
  t.equal(JSON.parse(read('pailfs-export.json')).length, 10)
  await t.rejects(exportPending(journal, folder), { message: /^ENOTEMPTY/ })
  t.equal(readdirSync(folder).length, 8)
  rmSync(folder, { recursive: true })
  writeFileSync(folder, '')
  await t.rejects(exportPending(journal, folder), { message: /^EIO/ })
})

t.test('no key leads out of the folder', async () => {
  const part = fc.constantFrom('', '.', '..', 'a', '\0', '...', 'é'.repeat(200), '%2E')
  fc.assert(
    fc.property(fc.array(part, { minLength: 1 }), parts => {
      const names = exportPath(parts.join('/')).split('/')
      return names.every(
        name =>
          name !== '' &&
          name !== '.' &&
          name !== '..' &&
          !name.includes('\0') &&
          Buffer.byteLength(name) < 250,
      )
    }),
  )
})

t.test('recovery', async t => {
  const upload = { key: 'u', id: 'i', stage: 's3' }
  const records = [
    fileRecord('sound', 's1'),
    fileRecord('missing', 's2'),
    { ...fileRecord('uploading', 's1'), upload },
    fileRecord('doubtful', 's4'),
    { key: 'deleted', desired: { is: 'absent' }, stored } as const,
  ]
  const found = recover({
    records,
    stages: ['s1', 's3', 's4', 's5'],
    doubtful: new Set(['doubtful', 'deleted']),
  })
  t.strictSame(found.leftOver, ['s3', 's5'])
  t.strictSame(
    found.missing.map(one => one.key),
    ['missing'],
  )
  t.strictSame(
    found.doubtful.map(one => one.key),
    ['doubtful'],
  )
  t.strictSame(
    found.sound.map(one => one.key),
    ['sound', 'uploading', 'deleted'],
  )
})
