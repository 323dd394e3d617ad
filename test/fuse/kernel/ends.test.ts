/** How mounts of the direct link end, polled and with reading threads: in order, killed, detached. */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { open, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { isMounted, sh } from '../../support/mounted.ts'
import { code, setUpWith } from '../rule.ts'
import { noDirect } from './support.ts'

type Test = Parameters<ReturnType<typeof setUpWith>>[0] & typeof t

function ends(
  name: string,
  body: (t: Test, setUp: ReturnType<typeof setUpWith>) => Promise<unknown>,
): void {
  for (const link of ['direct', 'threads'] as const) {
    t.test(`${name} (${link})`, { skip: noDirect() }, async t => {
      await body(t as unknown as Test, setUpWith(link))
    })
  }
}

ends('many writers of large blocks, then unmounted', async (t, setUp) => {
  const { folder, mount } = await setUp(t)
  const result = await sh(
    `head -c 2000000 /dev/urandom > ../r
     for n in $(seq 80); do dd if=../r of=f$n bs=1M oflag=direct status=none & done; wait
     for n in $(seq 80); do cmp f$n ../r; done; ls | wc -l`,
    folder,
  )
  t.match(result, { code: 0, out: '80\n', err: '' })
  t.equal(await mount.ask('unmount'), 'gone')
  t.equal(await mount.line(), 'unmounted')
  t.equal(await mount.exit, 0)
})

ends('killed: the mount is dead at once, and can be cleared', async (t, setUp) => {
  const { folder, mount } = await setUp(t)
  await writeFile(join(folder, 'f'), 'x')
  mount.process.kill('SIGKILL')
  await mount.exit
  t.equal(await code(stat(join(folder, 'f'))), 'ENOTCONN')
  t.equal(spawnSync('fusermount3', ['-u', folder]).status, 0)
  t.notOk(isMounted(folder))
})

ends('detached with a file open: served until it is closed', async (t, setUp) => {
  const { folder, mount } = await setUp(t)
  const descriptor = openSync(join(folder, 'f'), 'w+')
  t.equal(spawnSync('umount', ['-l', folder]).status, 0)
  t.same(readdirSync(folder), [])
  await mount.calls()
  const file = await open(`/proc/self/fd/${descriptor}`, 'r+')
  await file.writeFile('late')
  await file.close()
  t.match(await mount.calls(), ['open', 'flush'])
  closeSync(descriptor)
  t.equal(await mount.line(), 'gone')
  t.equal(await mount.exit, 0)
})

ends('the end of the process ends what is still there', async (t, setUp) => {
  const { folder, mount } = await setUp(t)
  const descriptor = openSync(join(folder, 'f'), 'w+')
  t.equal(spawnSync('umount', ['-l', folder]).status, 0)
  mount.process.stdin.write('exit\n')
  t.equal(await mount.exit, 7)
  t.throws(() => closeSync(descriptor), { code: 'ENOTCONN' })
  t.same(await readdir(folder), [])
})
