/** docs/cookbook.md works as it stands: its commands are run from top to bottom, on S3 and on Swift. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, symlink, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FAMILIES, swiftEnvironment, whyNot } from '../support/families.ts'
import { awsEnvironment, PROJECT } from '../support/servers.ts'
import { program, shell } from '../support/shell.ts'

t.setTimeout(600_000)

const page = await readFile(join(PROJECT, 'docs', 'cookbook.md'), 'utf8')
const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
  block.trim().split('\n'),
)

for (const kind of FAMILIES) {
  await t.test(kind.title, { skip: await whyNot(kind) }, async t => {
    t.setTimeout(200_000)
    const server = await kind.start()
    const cwd = await mkdtemp(join(tmpdir(), 'pailfs-cookbook-'))
    t.teardown(async () => {
      await program('fusermount3', ['-uzq', join(cwd, 'all')])
      await rm(cwd, { recursive: true, force: true })
    })
    await mkdir(join(cwd, 'bin'))
    await symlink(join(PROJECT, 'bin', 'pailfs.js'), join(cwd, 'bin', 'pailfs'))
    const env = {
      PATH: `${join(cwd, 'bin')}:${process.env['PATH']}`,
      HOME: cwd,
      XDG_STATE_HOME: join(cwd, 'state'),
      XDG_RUNTIME_DIR: cwd,
      PAILFS_PATH_STYLE: kind.scheme === 's3' ? 'true' : '',
      ALL: `${kind.scheme}:`,
      B: `cook-${randomBytes(5).toString('hex')}`,
      ...(kind.scheme === 's3' ? awsEnvironment(server) : swiftEnvironment(server)),
    }
    if (kind.scheme !== 's3') Reflect.deleteProperty(env, 'PAILFS_PATH_STYLE')
    for (const command of commands) {
      const { code, out, err } = await shell(command, { cwd, env })
      if (
        code !== 0 &&
        / pail\.(acl|cache-control|tags)/.test(command) &&
        /not supported/.test(err)
      ) {
        t.pass(command, { skip: err.trim() })
      } else t.equal(code, 0, `${command}: ${err || out.slice(0, 60)}`)
    }
  })
}
