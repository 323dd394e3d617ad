// npm runs this after an install in a checkout. tap must build its loaders once (see .taprc);
// where the development packages were left out there is nothing to do.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const tap = new URL('../node_modules/.bin/tap', import.meta.url).pathname
if (existsSync(tap)) {
  const built = spawnSync(tap, ['build'], { stdio: 'inherit' })
  process.exitCode = built.status ?? 1
}
