/**
 * The daemon of a real mount on a real server is killed with SIGKILL at random while a program works in it, and
 * mounted again; each time, everything that was acknowledged must be there, and what was fsynced must be in the
 * bucket before the new mount begins.
 *
 * PAILFS_KILLS: how often (15); PAILFS_SEED: where the random choices start; PAILFS_ON: rgw (S3 on Ceph RGW), s3api
 * (S3 on OpenStack Swift) or swift (Swift's own API); PAILFS_KEEP: a folder that gets the journals as each kill left
 * them, without staged files.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { PROJECT } from '../support/servers.ts'
import { program, sh } from '../support/shell.ts'
import { onServers, type Session } from '../support/session.ts'
import { swiftEnvironment } from '../support/families.ts'
import type { Mount } from '../support/mount.ts'
import { randomFrom } from '../fault/storm.ts'

const KILLS = Number(process.env['PAILFS_KILLS'] ?? 15)
const SEED = Number(process.env['PAILFS_SEED'] ?? Date.now() % 1_000_000)
const KEEP = process.env['PAILFS_KEEP']
const ON = process.env['PAILFS_ON'] ?? 'rgw'
const WORKER = join(PROJECT, 'test', 'crash', 'worker.py')
const PYTHON = '/usr/bin/python3'
/** Small parts and no long rest, so that a kill meets uploads of every kind. */
const ARGS = ['--write-back=300ms', '--part-size=5MiB', '--log-level=debug']

/** How each mount is made; Swift's own API does not pass the proxy. */
function mounting({ server, bucket }: Session) {
  if (ON !== 'swift') return { args: ARGS }
  return { args: ARGS, source: `swift://${bucket}`, env: swiftEnvironment(server) }
}

interface Worked {
  calls: number
  failed: { do: string; error: string } | null
  synced: Record<string, string>
}

interface Verified {
  wrong: string[]
  files: number
  hashes: Record<string, string>
  folders: string[]
}

t.setTimeout(120_000 + KILLS * 30_000)

await onServers(
  `${KILLS} kills lose nothing (${ON})`,
  async (t, session) => {
    const sum = { calls: 0, synced: 0, interrupted: {} as Record<string, number> }
    t.comment(`PAILFS_KILLS=${KILLS} PAILFS_SEED=${SEED} PAILFS_ON=${ON}`)
    const random = randomFrom(SEED)
    let mount = await session.mount(mounting(session))
    const shadow = join(mount.work, 'shadow')
    for (let round = 1; round <= KILLS; round += 1) {
      // Some die while what the last one left is still being sent.
      const life = random() < 0.3 ? random() * 400 : 300 + random() * 2500
      const worked = await work(mount, shadow, `${SEED}-${round}`, life)
      sum.calls += worked.calls
      sum.synced += Object.keys(worked.synced).length
      const broken = worked.failed?.do ?? 'nothing'
      sum.interrupted[broken] = (sum.interrupted[broken] ?? 0) + 1
      if (KEEP)
        await sh(
          `mkdir -p "$D" && cp -r state/pailfs/*/journal/{log,records} "$D"`,
          keepIn(mount, round),
        )
      const lost = await notInBucket(session, worked.synced)
      t.same(lost, [], `${round}: what was fsynced is in the bucket`)
      mount = await session.mount({ ...mounting(session), work: mount.work })
      const { wrong } = await verify(mount, shadow)
      t.same(wrong, [], `${round}: what was acknowledged is in the mount`)
      if (wrong.length > 0 || lost.length > 0) {
        t.comment(JSON.stringify({ ...worked, round }))
        t.comment(await mount.log())
        break
      }
    }
    const { hashes, folders } = await verify(mount, shadow)
    t.equal(await mount.stop(), 0, 'all is sent')
    const keys = [...Object.keys(hashes), ...folders.map(name => `${name}/`)]
    t.same((await session.client.keys()).sort(), keys.sort(), 'the bucket has these keys')
    t.same(await notInBucket(session, hashes), [], 'and these contents')
    const { Uploads } = await session.client.call('list_multipart_uploads')
    t.same(Uploads ?? [], [], 'no unfinished upload is left')
    const facts = { ...sum, kills: KILLS, files: Object.keys(hashes).length, seed: SEED }
    t.comment(`figures: ${JSON.stringify(facts)}`)
  },
  [ON === 'rgw' ? 'rgw' : 'swift'],
)

function keepIn({ work }: Mount, round: number) {
  return { cwd: work, env: { D: join(KEEP ?? '', String(round)) } }
}

/** Works until the daemon is killed, so many ms from now. */
async function work(mount: Mount, shadow: string, seed: string, life: number): Promise<Worked> {
  const child = spawn(PYTHON, [WORKER, 'work', mount.dir, shadow, seed], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const out = text(child.stdout)
  await sleep(life)
  await mount.kill9({ leave: true })
  const said = await Promise.race([out, sleep(30_000, '')])
  child.kill('SIGKILL')
  if (said === '') throw new Error('the program hangs in a dead mount')
  return JSON.parse(said) as Worked
}

async function verify(mount: Mount, shadow: string): Promise<Verified> {
  const { out, err } = await program(PYTHON, [WORKER, 'verify', mount.dir, shadow])
  if (out === '') throw new Error(`${err}\n${(await mount.log()).slice(-4000)}`)
  return JSON.parse(out) as Verified
}

/** Those whose object is missing or has another content. */
async function notInBucket({ client }: Session, hashes: Record<string, string>): Promise<string[]> {
  const wrong: string[] = []
  for (const [key, hash] of Object.entries(hashes)) {
    const bytes = await client.get(key).catch((error: Error) => error.message)
    if (typeof bytes === 'string') wrong.push(`${key}: ${bytes}`)
    else if (createHash('md5').update(bytes).digest('hex') !== hash) wrong.push(`${key}: differs`)
  }
  return wrong
}
