/** The note of what new bytes would lose: what is written is read again, and fits a header. */
import fc from 'fast-check'
import t from 'tap'
import { cannedNames, formatKept, isCanned, parseKept, type Kept } from '../../src/core/kept.ts'

t.test('both ways', async () => {
  const rule = fc.constantFrom(...cannedNames().filter(isCanned))
  const tags = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.string(), {
    minKeys: 1,
    maxKeys: 3,
  })
  fc.assert(
    fc.property(
      fc.option(rule, { nil: undefined }),
      fc.option(tags, { nil: undefined }),
      (acl, tags) => {
        const kept: Kept = { ...(acl ? { acl } : {}), ...(tags ? { tags } : {}) }
        const note = formatKept(kept)
        const read = parseKept(note)
        const long = new URLSearchParams(tags ?? {}).toString().length > 200
        const same =
          JSON.stringify(read) === JSON.stringify(long ? { ...kept, tags: 'some' } : kept)
        return same && /^[!-~]*$/.test(note) && note.length <= 256 * 3
      },
    ),
  )
})

t.test('nothing to note, and nothing to understand', async t => {
  t.equal(formatKept({}), '')
  t.equal(formatKept({ tags: {} }), '')
  t.equal(formatKept({ tags: 'some' }), 'tags=')
  t.equal(formatKept({ acl: 'public-read', tags: { a: '1' } }), 'acl=public-read&tags=a%3D1')
  t.strictSame(parseKept(undefined), {})
  t.strictSame(parseKept('acl=sideways&x=%%'), {})
  t.strictSame(parseKept('tags='), { tags: 'some' })
})
