/** The whole command, over `MemoryFs`, in folders of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { program, sh, temporary } from './mounted.ts'
import type { Result } from './mounted.ts'

const PAILFS = `${process.execPath} ${program('memory-pailfs.js')}`

export interface CommandSetup {
  readonly top: string
  readonly env: NodeJS.ProcessEnv
  /** The mount point, `m` in `top`; there is also an `n`. */
  readonly folder: string
  /** Runs a shell line in `top`, with `pailfs` as a command. */
  readonly run: (words: string) => Promise<Result>
  /** Writes one of `memoryCompose`'s files. */
  readonly control: (name: string, text?: string) => void
}

export function setUpCommand(t: Parameters<typeof temporary>[0]): CommandSetup {
  const top = temporary(t)
  for (const name of ['m', 'n', 'ctl', 'run', 'state']) mkdirSync(join(top, name))
  const env = {
    ...process.env,
    XDG_STATE_HOME: join(top, 'state'),
    XDG_RUNTIME_DIR: join(top, 'run'),
    TEST_FOLDER: join(top, 'ctl'),
    AWS_SECRET_ACCESS_KEY: 'hush-hush',
  }
  const run = (words: string) => sh(words.replaceAll('pailfs ', `${PAILFS} `), top, env)
  const control = (name: string, text = '') => writeFileSync(join(top, 'ctl', name), text)
  t.teardown(() => run('pailfs umount m --force; true'))
  return { top, env, run, control, folder: join(top, 'm') }
}

/** Until it holds, or for ten seconds. */
export async function until(condition: () => boolean): Promise<boolean> {
  for (let count = 0; count < 200 && !condition(); count += 1) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return condition()
}

/** The daemon's process, from the output of `pailfs status --json`. */
export function pidOf(out: string): number {
  return (JSON.parse(out) as { pid: number }[])[0]?.pid ?? 0
}
