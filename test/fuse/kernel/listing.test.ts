/** Listings that carry attributes: what they spare, what stays right, and that the kernel's inodes are counted right. */
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { setTimeout as wait } from 'node:timers/promises'
import { sh } from '../../support/mounted.ts'
import { setUpWith } from '../rule.ts'
import { noDirect } from './support.ts'

t.setTimeout(120_000)

const setUp = setUpWith('direct')
const options = { skip: noDirect() }
/** The kernel asks again only where it must. */
const LONG = { entryTimeout: 60_000 }

t.test('attributes of a listed directory are not asked for one by one', options, async t => {
  const { folder, mount } = await setUp(t, LONG)
  await mount.ask('fill 500')
  const script = 'find full -type f -size -2 -newermt 2000-01-01 | wc -l; stat -c %s full/f499'
  t.match(await sh(script, folder), { out: '500\n4\n', err: '' })
  t.equal(await mount.ask('lookups'), '1', 'of the directory')
  // Each name once, though the listing came in several pieces.
  t.match(await sh('ls full | sort | uniq -d; ls -a full | wc -l', folder), { out: '502\n' })
})

t.test('none where the kernel may not keep them', options, async t => {
  const { folder, mount } = await setUp(t, { entryTimeout: 0 })
  await mount.ask('fill 20')
  t.match(await sh('stat -c %n full/* | wc -l', folder), { out: '20\n' })
  t.ok(Number(await mount.ask('lookups')) >= 20)
})

t.test('a file that was replaced since is opened with its new size', options, async t => {
  const { folder, mount } = await setUp(t, LONG)
  await mount.ask('fill 10')
  const file = join(folder, 'full/f1')
  t.match(await sh('ls -l full | grep -c f', folder), { out: '10\n' })
  await mount.ask('replace much longer than it was')
  t.equal(await readFile(file, 'utf8'), 'much longer than it was')
  t.match(await sh('stat -c %s full/f1', folder), { out: '23\n' })
  await mount.ask('replace short')
  const handle = await open(file, 'r')
  t.equal((await handle.stat()).size, 5)
  await handle.close()
  // Written here: neither size nor time is what a listing said before.
  t.match(await sh('ls -l full >../x; echo more >>full/f1; stat -c %s full/f1; rm ../x', folder), {
    out: '10\n',
    err: '',
  })
})

t.test('a file that is only read is closed without a question', options, async t => {
  const { folder, mount } = await setUp(t)
  await writeFile(join(folder, 'f'), 'x')
  await mount.calls()
  t.match(await sh('cat f; cat f', folder), { out: 'xx' })
  t.notOk((await mount.calls()).includes('flush'))
})

t.test('names that are gone are not brought back by a listing that goes on', options, async t => {
  const { folder, mount } = await setUp(t, LONG)
  await mount.ask('fill 2000')
  t.match(await sh('rm -r full && ls -a', folder), { code: 0, out: '.\n..\n' })
})

t.test('the kernel’s inodes are forgotten with it', options, async t => {
  const { folder, mount } = await setUp(t)
  const script = `
import os
for round in range(20):
    for n in range(50):
        with open('a%d' % n, 'w') as f: f.write('x')
        os.mkfifo('p%d' % n)
    os.listdir('.')
    for entry in os.scandir('.'): entry.stat()
    for n in range(50): os.rename('a%d' % n, 'b%d' % n)
    for n in range(50):
        os.unlink('b%d' % n)
        os.unlink('p%d' % n)
`
  t.match(await sh(`python3 -c "${script}"`, folder), { code: 0, err: '' })
  // FORGET comes when the kernel has a moment.
  let left = NaN
  for (let tries = 0; tries < 300 && !(left <= 2); tries++) {
    await wait(100)
    left = Number(await mount.ask('inodes'))
  }
  t.ok(left <= 2, `${left} inodes are left of 2000`)
  t.equal(await mount.ask('handles'), '0')
})
