/** Extended attributes through a real mount: user metadata both ways, and the control plane. */
import t from 'tap'
import { flush, onServers } from '../support/session.ts'

t.setTimeout(240_000)

await onServers('user.* is user metadata, both ways', async (t, { mount, client, ...s }) => {
  await client.put('theirs', 'x', {
    metadata: { meta1: 'one two', 'dash-ed': '100%', mode: '33152' },
  })
  const m = await mount()
  t.equal(
    await m.sh('getfattr --absolute-names -d theirs'),
    '# file: theirs\nuser.dash-ed="100%"\nuser.meta1="one two"\n\n',
  )
  t.equal(await m.sh('stat -c %a theirs'), '600\n', 'a mode is no attribute')
  await m.sh(
    'echo y >ours; setfattr -n user.colour -v red ours; setfattr -n user.meta1 -v changed theirs',
  )
  await m.sh('setfattr -x user.dash-ed theirs')
  await flush(m)
  t.match(await client.head('ours'), { metadata: { colour: 'red' } })
  const { metadata } = (await client.head('theirs')) ?? {}
  t.match(metadata, { meta1: 'changed', mode: '33152' })
  t.notOk(metadata?.['dash-ed'])
  s.proxy.reset()
  await m.sh('setfattr -n user.colour -v blue ours')
  await flush(m)
  t.same(s.changes(), { CopyObject: 1 }, 'an attribute alone: no bytes travel')
  t.match(await client.head('ours'), { metadata: { colour: 'blue' }, size: 2 })
})

await onServers('any name and value survives', async (t, { mount, client }) => {
  const m = await mount()
  const set = `
import os
values = {'user.binary': bytes(range(256))[:90], 'user.ü': 'grün ☃'.encode(), 'user.CamelCase': b'Mixed',
  'user.under_score': b'a_b', 'user.empty': b'', 'user. space ': b'  two  spaces ', 'user.line': b'a\\nb', 'user.pct': b'%41'}
`
  const check = `
for name, value in values.items():
    assert os.getxattr('f', name) == value, (name, os.getxattr('f', name))
assert sorted(os.listxattr('f')) == sorted(values), os.listxattr('f')
`
  const put = `
open('f', 'w').write('content')
for name, value in values.items(): os.setxattr('f', name, value)
try: os.setxattr('f', 'user.pct', b'', os.XATTR_CREATE); assert False
except FileExistsError: pass
try: os.setxattr('f', 'user.none', b'', os.XATTR_REPLACE); assert False
except OSError as e: assert e.errno == 61, e
try: os.getxattr('f', 'user.none'); assert False
except OSError as e: assert e.errno == 61, e
`
  await m.sh('/usr/bin/python3 -', { input: set + put + check })
  await flush(m)
  await m.sh('/usr/bin/python3 -', { input: set + check })
  t.equal(await m.stop(), 0)
  const later = await mount({ work: m.work })
  await later.sh('/usr/bin/python3 -', { input: set + check })
  await later.sh('cp -a f g; cp --preserve=xattr f h; mv f i; rsync -aX i j')
  for (const copy of ['g', 'h', 'i', 'j']) {
    await later.sh('/usr/bin/python3 -', { input: set + check.replaceAll(`'f'`, `'${copy}'`) })
  }
  await flush(later)
  t.equal((await client.keys()).join(), 'g,h,i,j')
  const { metadata } = (await client.head('i')) ?? {}
  t.ok(Object.entries(metadata ?? {}).every(([name, value]) => /^[\x20-\x7e]+$/.test(name + value)))
})

await onServers('pail.*', async (t, { mount, client }) => {
  await client.put('f.txt', 'content', { contentType: 'text/x-odd' })
  const m = await mount()
  const get = (name: string, file = 'f.txt'): Promise<string> =>
    m.sh(`getfattr --absolute-names --only-values -n pail.${name} ${file}`)
  t.equal(await get('content-type'), 'text/x-odd')
  t.equal(await get('etag'), (await client.head('f.txt'))?.etag)
  t.equal(await get('storage-class'), 'STANDARD')
  await m.sh('setfattr -n pail.content-type -v application/x-pail f.txt')
  t.equal(await get('content-type'), 'application/x-pail')
  await flush(m)
  t.match(await client.head('f.txt'), { contentType: 'application/x-pail', size: 7 })
  await m.sh('setfattr -n pail.etag -v x f.txt 2>&1 && exit 1 || true')
  await m.sh('echo new >new.bin; setfattr -n pail.content-type -v text/csv new.bin')
  await flush(m)
  t.match(await client.head('new.bin'), { contentType: 'text/csv' })
  await m.sh('echo more >>new.bin')
  await flush(m)
  t.match(await client.head('new.bin'), { contentType: 'text/csv' }, 'kept by a change')
  t.equal(await get('etag', 'new.bin'), (await client.head('new.bin'))?.etag)
  t.equal(await m.sh('getfattr --absolute-names -d -m - f.txt new.bin'), '', 'not listed')
  await m.sh('cp -a f.txt copy.html; rsync -aX f.txt copy.css')
  await flush(m)
  t.match(await client.head('copy.html'), { contentType: /^text\/html/ })
  t.match(await get('url'), new RegExp(`^http://.*f.txt`))
  t.equal(
    await m.sh('curl -sf "$(getfattr --absolute-names --only-values -n pail.signed-url f.txt)"'),
    'content',
  )
})
