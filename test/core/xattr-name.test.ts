/** Extended attributes as user metadata. */
import fc from 'fast-check'
import t from 'tap'
import { decodeWords } from '../../src/core/encoded-words.ts'
import {
  metaFits,
  metaSize,
  withoutXattr,
  withXattr,
  xattrsOf,
} from '../../src/core/user-xattrs.ts'
import { fromHeader, toHeader } from '../../src/core/xattr-name.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : new TextDecoder().decode(value)

t.test('plain names and values are one to one', async t => {
  for (const [name, value] of [
    ['meta1', 'value'],
    ['x-y.z', 'a b: 100% "c", d=e;f'],
    ['pail--a', "UTF-8''x"],
    ['a', "base64''YQ=="],
  ] as const) {
    const header = toHeader(name, bytes(value))
    if (!name.startsWith('pail')) t.match(header, { name, value })
    t.equal(fromHeader(name, value).name, name)
    t.equal(text(fromHeader(name, value).value), value)
  }
})

t.test('what a header cannot hold', async t => {
  t.same(toHeader('Aä_b', bytes('größe')), {
    name: 'pail---41-c3-a4-5fb',
    value: "UTF-8''gr%C3%B6%C3%9Fe",
  })
  t.same(toHeader('a', new Uint8Array([255, 0])), { name: 'a', value: "base64''/wA=" })
  t.same(toHeader('a', bytes('')), { name: 'a', value: "UTF-8''" })
  t.equal(toHeader('a', bytes(' x')).value, "UTF-8''%20x")
  t.equal(toHeader('a', bytes('=?UTF-8?B?w7w=?=')).value, "UTF-8''%3D%3FUTF-8%3FB%3Fw7w%3D%3F%3D")
  t.equal(toHeader('a', bytes('日本')).value, `base64''5pel5pys`)
  t.not(toHeader('mode', bytes('x')).name, 'mode')
  t.not(toHeader('pail-kept', bytes('x')).name, 'pail-kept')
})

t.test("others' values are shown as they are", async t => {
  for (const value of ['100%25', '%41', "UTF-8''%41", "UTF-8''plain", "base64''!", 'a  b', '']) {
    t.equal(text(fromHeader('c_d', value).value), value)
    t.equal(fromHeader('c_d', value).name, 'c_d')
  }
})

t.test('encoded words', async t => {
  t.equal(decodeWords('=?UTF-8?B?w7w=?='), 'ü')
  t.equal(decodeWords('=?utf-8?q?=C3=BC_x?='), 'ü x')
  t.equal(decodeWords('=?UTF-8?B?ww==?= =?UTF-8?B?vA==?='), 'ü')
  t.equal(decodeWords('=?ISO-8859-1?Q?=FC?='), 'ü')
  for (const value of [
    '=?x?=',
    '=?KOI8-R?B?w7w=?=',
    '=?UTF-8?B?w7w=?= x',
    '=?UTF-8?B?ww==?=',
    '=?UTF-8?B?*?=',
  ]) {
    t.equal(decodeWords(value), undefined, value)
  }
  t.equal(text(fromHeader('a', '=?UTF-8?B?w7w=?=').value), 'ü')
})

const name = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom('pail--', 'a', '-41', '-', '_', 'A', 'mode', '.', 'é'))
    .map(list => list.join('')),
)
const value = fc.oneof(
  fc.uint8Array(),
  fc.string({ unit: 'grapheme' }).map(bytes),
  fc
    .array(
      fc.constantFrom(
        "UTF-8''",
        "base64''",
        '%41',
        '%',
        'YQ==',
        ' ',
        'a',
        '=?UTF-8?B?',
        'w7w=',
        '?=',
        'ü',
      ),
    )
    .map(list => bytes(list.join(''))),
)

t.test('everything comes back, through headers that any server keeps', async () => {
  fc.assert(
    fc.property(name, value, (name, value) => {
      const header = toHeader(name, value)
      const again = fromHeader(header.name, header.value)
      return (
        /^[a-z0-9.-]+$/.test(header.name) &&
        /^[!-~]+(?: [!-~]+)*$/.test(header.value) &&
        again.name === name &&
        Buffer.compare(again.value, value) === 0
      )
    }),
    { numRuns: 3000 },
  )
})

t.test("an object's attributes", async t => {
  const s3fs = encodeURIComponent(
    JSON.stringify({ 'user.s': btoa('one'), 'system.posix_acl_access': btoa('acl') }),
  )
  const user = { mode: '33188', mtime: '1', c_d: 'x', meta1: 'v', xattr: s3fs }
  t.same(
    [...xattrsOf(user)].map(([name, value]) => [name, text(value)]),
    [
      ['c_d', 'x'],
      ['meta1', 'v'],
      ['s', 'one'],
    ],
  )
  t.match(withXattr(user, 'c_d', bytes('y')), { ...user, c_d: 'y' })
  const changed = withXattr(user, 's', bytes('two'))
  t.equal(text(xattrsOf(changed).get('s')), 'two')
  t.equal(changed['s'], 'two')
  t.match(decodeURIComponent(changed['xattr']!), /posix_acl_access/)
  t.equal(withoutXattr({ xattr: encodeURIComponent('{"user.s":""}') }, 's')['xattr'], undefined)
  t.same([...xattrsOf(withoutXattr(user, 'c_d')).keys()], ['meta1', 's'])
  t.same(withoutXattr(user, 'mode'), user)
  const own = withXattr(user, 'mode', bytes('fast'))
  t.equal(own['mode'], '33188')
  t.equal(text(xattrsOf(own).get('mode')), 'fast')
  t.same([...xattrsOf({ xattr: '%' }).keys()], [])
})

t.test('the size of metadata', async t => {
  t.same(metaSize({ a: 'xyz', bcd: '' }), { total: 7, longestName: 3, longestValue: 3, count: 2 })
  const limits = { maxMeta: 7, maxMetaName: 3, maxMetaValue: 3, maxMetaCount: 2 }
  t.ok(metaFits({ a: 'xyz', bcd: '' }, limits))
  t.notOk(metaFits({ a: 'xyz', bcd: '1' }, limits))
})
