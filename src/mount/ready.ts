/**
 * What a daemon tells the command that started it: one JSON line through a pipe, when the mount answers or
 * when it could not be made. The pipe's descriptor number comes in the environment.
 */
import { closeSync, writeSync } from 'node:fs'

/** Not `PAILFS_…`: those are options. */
export const READY_VARIABLE = '_PAILFS_READY_FD'

export type Outcome =
  | { readonly ready: true; readonly pid: number }
  | {
      readonly ready: false
      readonly message: string
      readonly hint?: string
      readonly exit: number
    }

/** Tells it once; does nothing in a daemon that was started by hand. */
export function tellParent(outcome: Outcome): void {
  const text = process.env[READY_VARIABLE]
  delete process.env[READY_VARIABLE]
  if (text === undefined || !/^\d+$/.test(text)) return
  const descriptor = Number(text)
  try {
    writeSync(descriptor, `${JSON.stringify(outcome)}\n`)
    closeSync(descriptor)
  } catch {
    // The parent has gone; the mount lives on.
  }
}
