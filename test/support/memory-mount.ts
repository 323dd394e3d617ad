/**
 * A program: mounts a `MemoryFs`, for tests that look at the mount from outside.
 * Arguments: the directory, a JSON object of LinkOptions, and the link: `direct`,
 * `threads` (that one with reading threads) or `native`. Lines on stdin: `calls` answers with a JSON
 * line of the calls seen since, `unmount` unmounts and answers `unmounted` or the errno, `exit` ends the
 * process with 7. It writes `ready`
 * when the mount answers, `gone` when it has gone, and the log on stderr.
 */
import { createInterface } from 'node:readline'
import { FsError } from '../../src/core/errors.ts'
import { DEFAULT_DEADLINES, MountError } from '../../src/fuse/link.ts'
import type { LinkOptions } from '../../src/fuse/link.ts'
import { DirectLink } from '../../src/fuse/kernel/link.ts'
import { NativeLink } from '../../src/fuse/native/link.ts'
import { realClock } from '../../src/observe/clock.ts'
import { createLog, writeTo } from '../../src/observe/log.ts'
import { withFaults } from './faulty-fs.ts'
import { MemoryFs } from './memory-fs.ts'

const [mountPoint = '', json = '{}', kind = 'native'] = process.argv.slice(2)
const options: LinkOptions = {
  mountPoint,
  source: 's3://memory',
  readOnly: false,
  allowOther: false,
  nonEmpty: false,
  attrTimeout: 0,
  entryTimeout: 1000,
  xattr: true,
  flags: [],
  maxBackground: 64,
  deadlines: DEFAULT_DEADLINES,
  ...(JSON.parse(json) as Partial<LinkOptions>),
}
const log = createLog({ level: 'info', format: 'text', clock: realClock, write: writeTo(2) })
const fs = new MemoryFs()
const say = (line: string) => process.stdout.write(`${line}\n`)

try {
  const parts = { log, clock: realClock }
  const link =
    kind === 'native'
      ? new NativeLink(parts)
      : new DirectLink(parts, kind === 'threads' ? 'threads' : 'poll')
  const mount = await link.mount(withFaults(fs), options)
  mount.onUnmounted(() => {
    say('gone')
    process.stdin.destroy()
  })
  createInterface({ input: process.stdin }).on('line', line => {
    if (line === 'calls') say(JSON.stringify(fs.calls.splice(0)))
    if (line === 'lookups') say(String(fs.lookups))
    if (line === 'inodes') say(String(mount.inodes))
    if (line.startsWith('fill ')) {
      fs.fill('full', Number(line.slice(5)))
      say('filled')
    }
    if (line.startsWith('replace ')) {
      fs.replace('full', 'f1', line.slice(8))
      say('replaced')
    }
    if (line === 'exit') process.exit(7)
    if (line === 'handles') say(String(fs.openHandles))
    if (line === 'unmount') {
      mount.unmount().then(
        () => say('unmounted'),
        (error: unknown) => say(error instanceof FsError ? error.errno : String(error)),
      )
    }
  })
  say('ready')
} catch (error) {
  say(error instanceof MountError ? `failed: ${error.message}` : `unexpected: ${String(error)}`)
  process.exitCode = 1
}
