/**
 * Ten times more is written than the network takes: writers slow down, staging and memory stay within their
 * bounds, and everything arrives. What can never fit gets ENOSPC at once, and harms nothing.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { MountStatus } from '../../src/control/api.ts'
import { flush, onServers } from '../support/session.ts'
import { shell } from '../support/shell.ts'

const MiB = 1024 * 1024
const LIMIT = 32 * MiB
const FILES = 40
const SIZE = 8 * MiB
const CONNECTIONS = 4
/** Node, the code and the SDK; what bodies, parts and pages may add is on top. */
const MEMORY = 420 * MiB

t.setTimeout(400_000)

await onServers(
  'more is written than the network takes',
  async (t, session) => {
    const { proxy, client } = session
    const args = ['--staging-limit=32MiB', '--cache-size=16MiB', `--max-connections=${CONNECTIONS}`]
    const mount = await session.mount({ args })
    // 4 at a time, each 1.5 s: 21 MiB/s at the most.
    proxy.inject('PutObject', { do: 'delay', ms: 1500 }, Infinity)
    await mount.sh(
      'head -c 8M /dev/urandom > /tmp/pailfs-bounds-$$; mv /tmp/pailfs-bounds-$$ ../block',
    )
    let [most, sockets, queue, asked] = [0, 0, 0, 0]
    let writing = true
    const watch = (async () => {
      while (writing) {
        const { out } = await shell('du -sB1 state/pailfs/*/journal/stages | cut -f1', {
          cwd: mount.work,
        })
        most = Math.max(most, Number(out))
        sockets = Math.max(sockets, proxy.connections)
        const { out: json } = await mount.pailfs('status', '--json', mount.dir)
        const [status] = JSON.parse(json) as [MountStatus]
        queue = Math.max(queue, status.pending)
        asked = Math.max(asked, status.counters['fuse.pending'] ?? 0)
        await sleep(200)
      }
    })()
    const before = performance.now()
    const one = `for i in $(seq $FROM 2 ${FILES}); do cat ../block > f$i && echo $i >> f$i || exit 1; done`
    await Promise.all(
      ['1', '2'].map(from => mount.sh(one, { env: { FROM: from }, timeout: 240_000 })),
    )
    const seconds = (performance.now() - before) / 1000
    writing = false
    await watch
    const memory = peakOf(mount.pid)
    t.ok(seconds > 8, `writers were slowed down: ${seconds.toFixed(1)} s`)
    t.ok(most <= LIMIT + MiB, `staging took ${most} bytes at most`)
    t.ok(memory < MEMORY, `memory: ${memory} bytes at most`)
    t.ok(sockets <= CONNECTIONS, `${sockets} connections at most`)
    t.ok(queue > 1 && queue <= LIMIT / SIZE + 2, `${queue} changes waited to be sent at most`)
    t.ok(asked <= 64, `${asked} requests of the kernel waited for an answer at most`)
    t.comment(
      `figures: ${JSON.stringify({ sockets, queue, asked, written: FILES * SIZE, seconds, most, memory })}`,
    )

    const large = await shell('head -c 64M /dev/zero | tr "\\0" x > large', { cwd: mount.dir })
    t.not(large.code, 0)
    t.match(large.err, /No space left/)
    await mount.sh('rm large; echo more > small')
    proxy.clear()
    await flush(mount)
    const found = await client.list()
    t.equal(found.length, FILES + 1)
    for (const { key, size } of found) {
      if (key !== 'small') t.equal(size, SIZE + String(Number(key.slice(1))).length + 1, key)
    }
  },
  ['rgw'],
)

/** The most memory that the process ever had, bytes (proc(5), VmHWM). */
function peakOf(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) * 1024
}
