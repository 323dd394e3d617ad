/** What nobody expected within the daemon is an EIO, or nothing at all, and a report; the mount goes on. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { EXIT } from '../../src/cli/exit.ts'
import { pidOf, setUpCommand, until } from '../support/command.ts'
import { noFuse } from '../support/mounted.ts'

t.setTimeout(120_000)

const skip = noFuse()

/** What is looked up (test/support/faulty-fs.ts), what the program hears, and what the log must have. */
const CASES: readonly (readonly [fault: string, said: RegExp, logged: RegExp])[] = [
  ['throws', /Input\/output error/, /operation failed.*thrown before any promise/s],
  ['rejects', /Input\/output error/, /operation failed.*rejected/s],
  ['resolves-undefined', /Input\/output error/, /operation failed/],
  ['throws-later', /No such file/, /uncaught error.*thrown where nobody listens[^]*at /],
  ['rejects-unheard', /No such file/, /unhandled rejection.*rejected where nobody listens[^]*at /],
]

t.test('the mount goes on, in the same process', { skip }, async t => {
  const setup = setUpCommand(t)
  const { run } = setup
  t.match(await run('pailfs mount s3://b m'), { code: EXIT.ok, err: '' })
  const before = JSON.parse((await run('pailfs status --json')).out) as { logFile: string }[]
  const pid = pidOf(JSON.stringify(before))
  const log = () => readFileSync(before[0]!.logFile, 'utf8')
  for (const [fault, said, logged] of CASES) {
    const { code, err } = await run(`stat m/fault-${fault}`)
    t.equal(code, 1, fault)
    t.match(err, said)
    t.ok(await until(() => logged.test(log())), `${fault}: the log has it`)
    t.match(await run('echo text > m/after && cat m/after && rm m/after'), {
      code: 0,
      out: 'text\n',
    })
  }
  t.equal(pidOf((await run('pailfs status --json')).out), pid)
  t.match(await run('pailfs umount m'), { code: EXIT.ok })
})
