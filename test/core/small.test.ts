/** The small pure functions: backoff, temporary names, content types. */
import t from 'tap'
import { backoff } from '../../src/core/backoff.ts'
import { contentTypeOf, isDirectoryType, isLinkType } from '../../src/core/content-type.ts'
import { finalName, isTemporaryName } from '../../src/core/temp-name.ts'

t.test('backoff grows, stays below its cap and is never nothing', async t => {
  const limits = { base: 100, cap: 5000 }
  t.equal(
    backoff(1, () => 0.999_999, limits),
    100,
  )
  t.equal(
    backoff(3, () => 0.999_999, limits),
    400,
  )
  t.equal(
    backoff(1000, () => 0.999_999, limits),
    5000,
  )
  t.equal(
    backoff(3, () => 0, limits),
    40,
  )
})

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

t.test('content types', async t => {
  t.equal(contentTypeOf('a.JPG'), 'image/jpeg')
  t.equal(contentTypeOf('d.x/page.html'), 'text/html')
  t.equal(contentTypeOf('a.tar.gz'), 'application/gzip')
  t.equal(contentTypeOf('a.tgz'), 'application/gzip')
  for (const name of ['a', '.txt', 'd.txt/a', 'a.', 'a.nosuchtype', 'a.constructor']) {
    t.equal(contentTypeOf(name), undefined, name)
  }
  t.ok(isDirectoryType('application/x-directory; charset=UTF-8'))
  t.notOk(isDirectoryType(undefined))
  t.ok(isLinkType('application/link'))
})
