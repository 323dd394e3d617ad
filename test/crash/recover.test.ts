/** `pailfs recover` with a journal that a killed daemon left: sending, listing, saving, and its exit codes. */
import { mkdir, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Mount } from '../support/mount.ts'
import type { ShellResult } from '../support/shell.ts'
import { onServers, type Session } from '../support/session.ts'

t.setTimeout(240_000)

const LINES =
  'printf hello > new; printf %s changed >> old; rm gone; mkdir d; mv moved d/at; ln -s old link'

/** Killed with changes of every kind that the bucket does not have. */
async function killed(session: Session, more = ':'): Promise<Mount> {
  const { client } = session
  for (const key of ['old', 'gone', 'moved']) await client.put(key, `bytes of ${key} `)
  const mount = await session.mount({ args: ['--write-back=1h'] })
  await mount.sh(`${LINES}; ${more}`)
  await mount.kill9()
  return mount
}

function recover(mount: Mount, { bucket }: Session, ...words: string[]): Promise<ShellResult> {
  return mount.pailfs('recover', `s3://${bucket}`, '--path-style', ...words)
}

async function assertSent(t: Test, { client }: Session): Promise<void> {
  t.same(await client.keys(), ['d/', 'd/at', 'link', 'new', 'old'])
  t.equal(String(await client.get('old')), 'bytes of old changed')
  t.equal(String(await client.get('d/at')), 'bytes of moved ')
  t.equal(String(await client.get('link')), 'old')
}

await onServers('what was left is sent', async (t, session) => {
  const mount = await killed(session)
  t.same(await session.client.keys(), ['gone', 'moved', 'old'])

  const list = await recover(mount, session, '--list')
  t.equal(list.code, 7)
  t.match(list.out, /write +5 B +new\n/)
  t.match(list.out, /delete +0 B +gone\n/)
  t.match(list.out, /copy +15 B +d\/at from moved\n/)
  const json = JSON.parse((await recover(mount, session, '--list', '--json')).out) as unknown[]
  t.equal(json.length, list.out.trim().split('\n').length)

  const sent = await recover(mount, session)
  t.equal(sent.code, 0, sent.err)
  t.match(sent.out, 'everything is in the bucket')
  await assertSent(t, session)
  t.match(await recover(mount, session, '--list'), {
    code: 0,
    out: 'everything is in the bucket\n',
  })
})

await onServers(
  'a bucket that refuses or is gone',
  async (t, session) => {
    // Larger than what travels whole: of it only the new bytes are here.
    await session.client.put('large', Buffer.alloc(17 << 20, 'x'))
    const mount = await killed(session, 'printf more >> large')
    session.proxy.inject({ method: 'PUT' }, { do: 'status', status: 403, code: 'AccessDenied' }, 99)
    const refused = await recover(mount, session)
    t.equal(refused.code, 7, 'some is left')
    t.match(refused.out, /new: .*AccessDenied/s)
    session.proxy.clear()

    const folder = join(mount.work, 'saved')
    await session.proxy.stop()
    const away = await recover(mount, session, '--read-timeout=2s')
    t.equal(away.code, 5, away.err)
    const saved = await recover(mount, session, '--export', folder)
    t.equal(saved.code, 1, 'a changed large file is not whole without its bucket')
    t.match(saved.err, 'not whole: large')
    t.ok((await readdir(folder)).includes('large.partial'))
    t.equal(String(await readFile(join(folder, 'new'))), 'hello')
    t.equal(String(await readFile(join(folder, 'old'))), 'bytes of old changed', 'kept whole')
    t.equal((await recover(mount, session, '--export', folder)).code, 1, 'not into a full folder')
    t.equal((await recover(mount, session, '--list')).code, 7, 'the journal is as it was')
  },
  ['rgw'],
)

await onServers(
  'beside a mount, without a journal, with nonsense',
  async (t, session) => {
    const mount = await session.mount({ args: ['--write-back=1h'] })
    await mount.sh('printf hello > new')
    for (const words of [[], ['--list'], ['--export', join(mount.work, 'x')]]) {
      const refused = await recover(mount, session, ...words)
      t.equal(refused.code, 6, refused.out)
      t.match(refused.err, mount.dir)
    }
    t.equal((await recover(mount, session, '--list', '--export', 'x')).code, 2)
    t.equal(await mount.stop(), 0)
    const other = await mount.pailfs('recover', '--list', `s3://${session.bucket}-other`)
    t.match(other, { code: 0, out: 'everything is in the bucket\n' })
    const state = join(mount.work, 'state', 'pailfs')
    await mkdir(state, { recursive: true })
    t.notOk(
      (await readdir(state)).some(name => name.includes('-other')),
      'asking makes no journal',
    )
  },
  ['rgw'],
)
