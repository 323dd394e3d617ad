/**
 * Names that are only listed or taken away: files that can be nothing else are not asked about. What the kernel was
 * not told, it must not decide by. As root, since only the direct link can leave attributes out.
 */
import t from 'tap'
import { flush, onServers } from '../support/session.ts'

t.setTimeout(300_000)

if (process.getuid?.() !== 0) t.bailout('needs root')
const LARGE = 'x'.repeat(5000)
/** Somebody who is not root. */
const SOMEBODY = 'setpriv --reuid=1234 --regid=1234 --clear-groups'
/** By default all is theirs. */
const THEIRS = ['--allow-other', '--uid=1234', '--gid=1234', '--dir-mode=0777', '--write-back=1h']
const OF_ROOT = { metadata: { uid: '0', gid: '0', mode: '33188' } }

await onServers('nothing is asked for find, rm -r and mv', async (t, { mount, proxy, client }) => {
  const keys = Array.from({ length: 120 }, (_, i) => `d/${i % 3}/${i}`)
  await client.putMany(keys, LARGE)
  const m = await mount({ args: ['--write-back=1h'] })
  proxy.reset()
  t.equal(await m.sh('find d -type f | wc -l'), '120\n')
  await m.sh('mv d/0/0 d/0/moved; rm -r d/1')
  const ofFiles = proxy.matching({ kind: 'HeadObject', where: ({ key }) => /\d$/.test(key ?? '') })
  t.same(
    ofFiles.map(({ key }) => key),
    [],
  )
  await flush(m)
  t.equal((await client.keys()).length, 80)
  t.ok((await client.keys()).includes('d/0/moved'))
  t.match(await m.sh('stat -c %s,%F d/2/5; cat d/2/5 | wc -c'), '5000,regular file\n5000\n')
})

await onServers('what is not one’s own stays so', async (t, { mount, client }) => {
  const names = ['chmod', 'chown', 'touch', 'write', 'truncate', 'exec', 'root']
  for (const name of names) await client.put(name, LARGE, OF_ROOT)
  const m = await mount({ args: THEIRS })
  const fails = async (script: string) =>
    t.equal(
      await m.sh(`${SOMEBODY} sh -c ${quoted(script)} 2>/dev/null || echo refused`),
      'refused\n',
    )
  await fails('chmod 777 chmod')
  await fails('chgrp 1234 chown')
  await fails('touch touch')
  await fails('echo >>write')
  await fails('truncate -s 1 truncate')
  await fails('./exec')
  t.equal(await m.sh('chmod 600 root; stat -c %a,%u root'), '600,0\n', 'root may, at the first try')
  for (const name of names.slice(0, -1)) {
    t.equal(await m.sh(`stat -c %a,%u,%g,%s ${name}`), '644,0,0,5000\n', name)
  }
})

await onServers('what is one’s own can be changed at once', async (t, { mount, client }) => {
  const own = { metadata: { uid: '1234', gid: '1234', mode: '33188' } }
  for (const name of ['chmod', 'touch', 'write']) await client.put(name, LARGE, own)
  const m = await mount({ args: ['--allow-other', '--uid=0', '--write-back=1h'] })
  await m.sh(`${SOMEBODY} chmod 600 chmod`)
  await m.sh(`${SOMEBODY} touch -d 2001-01-01 touch`)
  await m.sh(`${SOMEBODY} sh -c 'echo >>write'`)
  t.equal(await m.sh('stat -c %a,%u,%s chmod write'), '600,1234,5000\n644,1234,5001\n')
  t.equal(await m.sh('date -r touch +%Y'), '2001\n')
})

await onServers('in a sticky directory names are of their owners', async (t, { mount, client }) => {
  const dir = { metadata: { uid: '0', gid: '0', mode: String(0o041777) } }
  await client.put('d/', '', { ...dir, contentType: 'application/x-directory' })
  await client.put('d/theirs', LARGE, OF_ROOT)
  const m = await mount({ args: THEIRS })
  await m.sh(`! ${SOMEBODY} rm -f d/theirs; ! ${SOMEBODY} mv d/theirs d/else`)
  t.equal(await m.sh('ls d'), 'theirs\n')
})

await onServers('a listed file that is gone', async (t, { mount, client }) => {
  for (const name of ['stat', 'open', 'make', 'chmod']) await client.put(`d/${name}`, LARGE)
  const m = await mount({ args: ['--write-back=1h'] })
  await m.sh('ls d')
  for (const name of ['stat', 'open', 'make', 'chmod']) await client.delete(`d/${name}`)
  t.match(await m.sh('LC_ALL=C stat d/stat 2>&1 || true'), /No such file/)
  t.match(await m.sh('LC_ALL=C cat d/open 2>&1 || true'), /No such file/)
  t.match(await m.sh('LC_ALL=C chmod 600 d/chmod 2>&1 || true'), /No such file/)
  t.equal(await m.sh('echo new >d/make; cat d/make; ls d'), 'new\nmake\n')
})

function quoted(script: string): string {
  return `'${script}'`
}
