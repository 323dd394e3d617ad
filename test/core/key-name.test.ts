/** Names for keys: every key has one path, and every path that can be has one key. */
import fc from 'fast-check'
import t from 'tap'
import {
  childKey,
  childName,
  isTwinName,
  keyOf,
  namesOf,
  nameToSegment,
  segmentToName,
} from '../../src/core/key-name.ts'

const bytes = (text: string) => new TextEncoder().encode(text).length
const isFileName = (name: string) =>
  name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && bytes(name) <= 255

const piece = fc.constantFrom(
  'pail%',
  'empty',
  'dot',
  'dots',
  '=',
  'file=',
  'more=',
  '%',
  '00',
  '25',
  '2',
  '\0',
  '.',
  'a',
  '😀',
  'é',
  'x'.repeat(100),
  '€'.repeat(90),
)
const segment = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map(list => list.join('')),
  fc.string({ unit: 'grapheme' }).map(text => text.replaceAll('/', '')),
)
const key = fc.array(segment, { minLength: 1, maxLength: 5 }).map(list => list.join('/'))

t.test('ordinary names stay as they are', async t => {
  const names = [
    'a',
    'a b',
    '100%',
    'a+b',
    '😀',
    'line\nbreak',
    ' ',
    '...',
    '.hidden',
    'pail',
    'pail%foo',
    'pail%=a',
  ]
  for (const name of names) {
    t.equal(segmentToName(name), name)
    t.equal(nameToSegment(name), name)
  }
})

t.test('what cannot be a name', async t => {
  t.same(namesOf('a//b', 'file'), ['a', 'pail%empty', 'b'])
  t.same(namesOf('/a', 'file'), ['pail%empty', 'a'])
  t.same(namesOf('a/', 'file'), ['a', 'pail%empty'])
  t.same(namesOf('a/', 'directory'), ['a'])
  t.same(namesOf('a/', 'twin'), ['a', 'pail%file='])
  t.same(namesOf('./..', 'file'), ['pail%dot', 'pail%dots'])
  t.equal(segmentToName('a\0b%00'), 'pail%=a%00b%2500')
  t.equal(segmentToName('pail%dot'), 'pail%=pail%dot')
  t.same(namesOf('a', 'twin'), ['pail%file=a'])
  t.ok(isTwinName('pail%file=a'))
  t.equal(keyOf(['d', 'pail%file=a'], 'file'), 'd/a')
  t.equal(keyOf(['d', 'pail%file=a'], 'directory'), undefined)
  t.equal(keyOf([], 'directory'), '')
})

t.test('an over-long segment', async t => {
  const long = 'x'.repeat(600)
  const names = namesOf(`d/${long}/e`, 'file')
  t.same(names, [
    'd',
    `pail%more=${'x'.repeat(245)}`,
    `pail%more=${'x'.repeat(245)}`,
    'x'.repeat(110),
    'e',
  ])
  const inside = `d/${'x'.repeat(245)}`
  t.equal(keyOf(names.slice(0, 2), 'directory'), inside)
  t.equal(childName('d/', long, 'file'), names[1])
  t.equal(childName(inside, 'x'.repeat(355), 'file'), names[2])
  t.equal(childName(inside, 'x', 'file'), undefined, 'a segment of 246 bytes is shown in d itself')
  t.equal(childKey(inside, 'x', 'file'), undefined)
  t.equal(childKey('d/', long, 'file'), undefined)
  t.equal(childKey('d/', 'pail%more=x', 'directory'), undefined)
  t.same(namesOf('x'.repeat(250), 'twin'), [
    `pail%more=${'x'.repeat(245)}`,
    `pail%file=${'x'.repeat(5)}`,
  ])
})

t.test('no name for what the kernel never asks for', async t => {
  for (const name of ['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256)]) {
    t.equal(childKey('d/', name, 'file'), undefined)
    t.equal(nameToSegment(name), undefined)
  }
})

t.test('every key has a path of file names, which leads back to it', async () => {
  fc.assert(
    fc.property(key, fc.constantFrom('file', 'directory', 'twin'), (text, kind) => {
      const whole = kind === 'directory' ? `${text}/` : text
      const names = namesOf(whole, kind)
      return names.every(isFileName) && keyOf(names, kind === 'directory' ? kind : 'file') === whole
    }),
    { numRuns: 3000 },
  )
})

t.test('every name is a key, or no name; the key shows as that name', async () => {
  fc.assert(
    fc.property(segment, name => {
      const found = nameToSegment(name)
      if (found === undefined) return !isFileName(name) || /^pail%(?:more|file)=/.test(name)
      return segmentToName(found) === name && childKey('d/', name, 'file') === `d/${found}`
    }),
    { numRuns: 3000 },
  )
})

t.test('listing level by level finds what the path says', async () => {
  fc.assert(
    fc.property(key, text => {
      let prefix = ''
      for (const name of namesOf(text, 'file').slice(0, -1)) {
        const rest = text.slice(prefix.length)
        const slash = rest.indexOf('/')
        const shown = childName(
          prefix,
          slash < 0 ? rest : rest.slice(0, slash),
          slash < 0 ? 'file' : 'directory',
        )
        if (shown !== name) return false
        prefix = childKey(prefix, name, 'directory')!
      }
      return childName(prefix, text.slice(prefix.length), 'file') === namesOf(text, 'file').at(-1)
    }),
    { numRuns: 3000 },
  )
})
