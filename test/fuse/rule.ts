/** How a rule that holds for every kernel link is written down and run on one of them. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { mounted, noFuse, temporary } from '../support/mounted.ts'
import type { Link, MountOptions, Mounted } from '../support/mounted.ts'

type SetUp = (
  t: Parameters<typeof mounted>[0],
  options?: MountOptions,
) => Promise<{ folder: string; mount: Mounted }>

interface Given {
  readonly t: typeof t
  /** A `MemoryFs`, mounted by the link under test. */
  readonly setUp: SetUp
  readonly link: Link
}

const all: { name: string; body: (given: Given) => Promise<unknown> }[] = []

/** Writes one down. */
export function rule(name: string, body: (given: Given) => Promise<unknown>): void {
  all.push({ name, body })
}

export function setUpWith(link: Link): SetUp {
  return async (t, options = {}) => {
    const folder = join(temporary(t), 'm')
    await mkdir(folder)
    return { folder, mount: await mounted(t, folder, { ...options, link }) }
  }
}

/** Runs all that were written down. */
export function runRules(link: Link, skip: string | false = noFuse()): void {
  for (const { name, body } of all) {
    t.test(name, { skip }, async t => {
      await body({ t: t as never, setUp: setUpWith(link), link })
    })
  }
}

/** The code that a program sees. */
export async function code(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  )
}

export const refused = (errno: string) => ({ code: errno }) as unknown as Error
