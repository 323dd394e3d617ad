/** `rm -r` by a program that removes many names at once, on a slow store, of trees that the mount did not make. */
import t from 'tap'
import { FsError } from '../../src/core/errors.ts'
import { Core, READ } from '../support/core.ts'

const KEYS = [
  'a//b',
  '/lead',
  'x/../y',
  'x/./y',
  'both',
  'both/below',
  'slash/',
  'd/e/f',
  'd/e/g/h',
  'long'.repeat(100),
  `d/${'ü'.repeat(200)}`,
]
const LIVES = 60

t.setTimeout(300_000)

for (const metadataTtl of [0, 150, 1000]) {
  void t.test(`rm -r with --metadata-ttl ${metadataTtl} ms`, async t => {
    for (let seed = 1; seed <= LIVES; seed++) {
      const trouble = await life(seed, metadataTtl)
      if (trouble !== undefined) t.fail(`seed ${seed}: ${trouble}`)
    }
    t.pass(`${LIVES} lives`)
  })
}

async function life(seed: number, metadataTtl: number): Promise<string | undefined> {
  const core = new Core({
    seed,
    rest: seed % 2 === 0 ? 0 : 100,
    faults: { delay: [0, 300] },
    fs: { metadataTtl },
  })
  try {
    for (const key of KEYS) {
      await core.memory.put(key, new TextEncoder().encode(key), { meta: { user: {} } })
    }
    await core.run(emptied(core, 1))
    if ((await core.drain()) > 0) return 'something is not sent'
    const left = (await core.memory.list({ prefix: '' })).objects.map(({ key }) => key)
    return left.length > 0 ? `left in the bucket: ${left.join(' ')}` : undefined
  } catch (error) {
    if (error instanceof FsError) return `${error.errno} ${error.message}`
    throw error
  } finally {
    core.stop()
  }
}

/** Removes all below, every name of a directory at once but, as a kernel does, one change a directory at a time. */
async function emptied(core: Core, dir: number): Promise<void> {
  const { fs } = core
  const handle = await fs.opendir(dir)
  const entries = await fs.readdir(handle)
  await fs.releasedir(handle)
  let turn = Promise.resolve()
  const inTurn = (change: () => Promise<void>): Promise<void> => (turn = turn.then(change))
  await Promise.all(
    entries.map(async ({ name }) => {
      const { ino, kind } = await fs.lookup(dir, name)
      if (kind !== 'directory') {
        await core.close(await fs.open(ino, READ))
        return inTurn(() => fs.unlink(dir, name))
      }
      await emptied(core, ino)
      return inTurn(() => fs.rmdir(dir, name))
    }),
  )
}
