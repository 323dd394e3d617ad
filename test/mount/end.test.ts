/** The end of a mount on real servers: every way drains, and what a crash leaves is cleared. */
import t from 'tap'
import { isMounted, place } from '../support/place.ts'
import { onServers, until } from '../support/session.ts'

t.setTimeout(300_000)

await onServers('every way to end it drains', async (t, session) => {
  const { bucket, client } = session
  const { dir, run } = await place(t, session)
  const pid = '$(pailfs status --json $DIR | jq ".[0].pid")'
  const ways = [
    `kill -TERM ${pid}`,
    `kill -INT ${pid}`,
    'fusermount3 -u $DIR',
    'umount $DIR',
    'pailfs umount $DIR',
  ]
  for (const [n, way] of ways.entries()) {
    // The rest is long: what arrives was sent because the mount ended.
    t.match(await run(`pailfs mount s3://${bucket} $DIR --path-style --write-back=10m`), {
      code: 0,
    })
    t.match(
      await run(
        `P=${pid}; for i in 1 2 3; do echo ${n} >$DIR/f${n}-$i; done; mkdir $DIR/d${n}; ${way} && echo $P`,
      ),
      { code: 0 },
      way,
    )
    await until('it is unmounted', async () => !(await isMounted(dir)))
    await until('all is in the bucket', async () => (await client.keys()).length === 4 * (n + 1))
    t.equal((await client.get(`f${n}-2`)).toString(), `${n}\n`, way)
    await until(
      'the daemon has ended',
      async () => (await run('pailfs status --json')).out.trim() === '[]',
    )
  }
})

await onServers('a dead mount is recognised and cleared', async (t, session) => {
  const { bucket, client } = session
  const { dir, run } = await place(t, session)
  const mount = `pailfs mount s3://${bucket} $DIR --path-style --write-back=10m`
  t.match(await run(mount), { code: 0 })
  // Daemon and supervisor, as when the machine runs out of memory or loses its power.
  const kill = `P=$(pailfs status --json $DIR | jq ".[0].pid"); S=$(ps -o ppid= -p $P | tr -d ' ')
    grep -q -- --supervise /proc/$S/cmdline && kill -KILL $S; kill -KILL $P; sleep 1`
  await run(`echo kept >$DIR/f; ${kill}`)
  t.match(await run('ls $DIR'), { err: /not connected/ })
  t.match(await run(mount), { code: 0 }, 'the next mount clears it')
  t.equal((await run('cat $DIR/f')).out, 'kept\n', 'nothing acknowledged is lost')
  t.match(await run('pailfs flush $DIR'), { code: 0 })
  t.equal((await client.get('f')).toString(), 'kept\n')
  await run(kill)
  t.match(await run('pailfs umount $DIR'), { code: 0 }, 'umount clears it too')
  t.notOk(await isMounted(dir))
})
