/** Which kernel link `--fuse` leads to. */
import t from 'tap'
import type { Log } from '../../src/core/ports.ts'
import { DirectLink } from '../../src/fuse/kernel/link.ts'
import { NativeLink } from '../../src/fuse/native/link.ts'
import { chooseLink } from '../../src/mount/choose-link.ts'
import { realClock } from '../../src/observe/clock.ts'

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
  t.same(said, [])
  t.type(chooseLink('direct', parts), NativeLink)
  t.match(said, ['the kernel is spoken to through libfuse'])
})
