/** Content types from names, and those that mean something. */
import t from 'tap'
import { contentTypeOf, isDirectoryType, isLinkType } from '../../src/core/content-type.ts'

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
