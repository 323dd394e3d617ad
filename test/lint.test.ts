/** The linters that `npm run lint` runs have nothing to say. */
import { spawnSync } from 'node:child_process'
import t from 'tap'

t.setTimeout(180_000)

t.test('npm run lint', t => {
  // Without tap's loader, which is not for the tools.
  const script = 'NODE_OPTIONS= npm run --silent lint'
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  t.equal(status, 0, status === 0 ? 'clean' : stdout + stderr)
  t.end()
})
