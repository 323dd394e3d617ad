/**
 * A large changed file is renamed while it is sent: its bytes are in the version that the request makes under the old
 * name, whether its reply arrives or the daemon is killed before.
 */
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { flush, onServers } from '../support/session.ts'

const ARGS = ['--part-size=5MiB', '--write-back=100ms']

t.setTimeout(240_000)

await onServers('a file that is renamed while it is sent', async (t, session) => {
  const { proxy, client } = session
  for (const killed of [false, true]) {
    const bytes = randomBytes(19_000_000)
    const [old, name] = [`d-${killed}/f`, `e-${killed}/f`]
    await client.put(old, bytes)
    bytes.write('changed', 700)
    let mount = await session.mount({ args: ARGS })
    proxy.reset()
    // The server has done it, and does not say so yet.
    const hold = proxy.hold('CompleteMultipartUpload', 'after')
    await mount.sh(`printf changed | dd of=${old} conv=notrunc bs=1 seek=700 2>&1`)
    await hold.arrived
    await mount.sh(`mv d-${killed} e-${killed}`)
    if (killed) await mount.kill9({ leave: true })
    hold.release()
    if (killed) mount = await session.mount({ args: ARGS, work: mount.work })
    await flush(mount)
    const hash = createHash('md5').update(bytes).digest('hex')
    t.match(await mount.sh(`md5sum ${name}`), hash, `killed: ${killed}`)
    t.equal(
      createHash('md5')
        .update(await client.get(name))
        .digest('hex'),
      hash,
    )
    t.notOk(await client.head(old))
    t.equal(await mount.stop(), 0)
  }
})
