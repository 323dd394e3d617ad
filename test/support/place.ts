/** The `pailfs` command with folders of a user's own, on a real server: for tests of starting and ending. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { awsEnvironment, PROJECT } from './servers.ts'
import type { Session } from './session.ts'
import { shell, type ShellResult } from './shell.ts'

export interface Place {
  dir: string
  /** Runs a line in which `pailfs` is the command and $DIR the mount point. */
  run: (line: string, env?: Record<string, string>) => Promise<ShellResult>
}

/** Folders of a user's own; what is mounted there ends with the test. */
export async function place(
  t: { teardown(end: () => unknown): void },
  { server }: Session,
): Promise<Place> {
  const top = await mkdtemp(join(tmpdir(), 'pailfs-m-'))
  const dir = join(top, 'mnt')
  for (const folder of [dir, join(top, 'home/.aws'), join(top, 'run')]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  const own = {
    HOME: join(top, 'home'),
    XDG_STATE_HOME: join(top, 'state'),
    XDG_RUNTIME_DIR: join(top, 'run'),
    DIR: dir,
    PAILFS: `${process.execPath} ${join(PROJECT, 'bin/pailfs.js')}`,
    ...awsEnvironment(server),
  }
  const run = (line: string, env: Record<string, string> = {}): Promise<ShellResult> =>
    shell(line.replaceAll('pailfs ', '$PAILFS '), {
      cwd: top,
      env: { ...own, ...env },
      timeout: 120_000,
    })
  t.teardown(async () => {
    await run('pailfs umount $DIR; fusermount3 -uz $DIR 2>/dev/null; true')
    await rm(top, { recursive: true, force: true })
  })
  return { dir, run }
}

/** Whether anything is mounted there, dead or alive. */
export const isMounted = async (dir: string): Promise<boolean> =>
  (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${dir} `)
