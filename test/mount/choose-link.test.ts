/** Which kernel link `--fuse` leads to. */
import t from 'tap'
import type { Log } from '../../src/core/ports.ts'
import { DirectLink } from '../../src/fuse/kernel/link.ts'
import { makeMount } from '../../src/fuse/kernel/mount-call.ts'
import { DEFAULT_DEADLINES, type LinkOptions } from '../../src/fuse/link.ts'
import { NativeLink } from '../../src/fuse/native/link.ts'
import { chooseLink } from '../../src/mount/choose-link.ts'
import { realClock } from '../../src/observe/clock.ts'

const OPTIONS = { mountPoint: '/nonexistent', deadlines: DEFAULT_DEADLINES } as LinkOptions

t.test('direct is for root', async t => {
  const said: string[] = []
  const say = (event: string) => void said.push(event)
  const log: Log = { debug: say, info: say, warn: say, error: say }
  const parts = { log, clock: realClock }
  const { getuid } = process
  t.teardown(() => (process.getuid = getuid!))
  process.getuid = () => 0
  t.type(chooseLink('direct', parts), DirectLink)
  t.type(chooseLink('native', parts), NativeLink)
  t.type(chooseLink('auto', parts), DirectLink)
  process.getuid = () => 1000
  t.type(chooseLink('auto', parts), NativeLink)
  t.type(chooseLink('direct', parts), DirectLink, 'which then says that it cannot')
  t.same(said, [])
  await t.rejects(makeMount(OPTIONS), { message: /only root/, hint: /--fuse=direct/ })
})
