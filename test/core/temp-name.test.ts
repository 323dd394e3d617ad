/** Names that programs use before the final one. */
import t from 'tap'
import { finalName, isTemporaryName } from '../../src/core/temp-name.ts'

t.test('temporary names', async t => {
  const temporary = [
    '.a.X7f2Qk',
    '.~tmp~/a',
    'd/.rsync-partial/a',
    'film.mkv.part',
    'x.crdownload',
    '.goutputstream-ABC123',
    'sedAb12cd',
    'x.tmp',
    'notes~',
    '.notes.swp',
    '.notes.swpx',
    '4913',
    '.#notes',
    '~$letter.docx',
    '.~lock.letter.odt#',
    '.git/index.lock',
    '.nfs000000000123',
    '.fuse_hidden0001',
    'base.db-journal',
  ]
  for (const name of temporary) t.ok(isTemporaryName(name), name)
  const ordinary = [
    'a',
    'a.txt',
    '.profile',
    '.eslintrc.json',
    '.profile.backup',
    'Cargo.lock',
    'partial',
    'a.SWF',
  ]
  for (const name of ordinary) t.notOk(isTemporaryName(name), name)
})

t.test('final names', async t => {
  t.equal(finalName('.a.X7f2Qk'), 'a')
  t.equal(finalName('.data.tar.gz.aB3dE9'), 'data.tar.gz')
  t.equal(finalName('..profile.aB3dE9'), '.profile')
  t.equal(finalName('film.mkv.part'), 'film.mkv')
  t.equal(finalName('.profile.backup'), undefined)
  t.equal(finalName('a.txt'), undefined)
  t.equal(finalName(`.${'x'.repeat(246)}.aB3dE9`), undefined)
})
