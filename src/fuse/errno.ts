/**
 * The one place where an errno is a number. The kernel takes -1 to -511; anything else would make the
 * caller hang (-512 to -999) or see ERANGE, so what does not fit becomes EIO.
 */
import { constants } from 'node:os'
import { toFsError, StoreError } from '../core/errors.ts'
import type { Errno, FsError } from '../core/errors.ts'

const NUMBERS: Readonly<Record<string, number>> = constants.errno

/** Largest errno that may travel to the kernel. */
const LARGEST = 511

/** The negative number for a name, always an integer from -511 to -1. */
export function errnoNumber(name: Errno): number {
  const number = NUMBERS[name]
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > LARGEST) {
    return -constants.errno.EIO
  }
  return -number
}

/** The negative number for anything thrown, with the FsError it stands for. */
export function answerFor(thrown: unknown): { error: FsError; number: number } {
  const error = toFsError(thrown)
  return { error, number: errnoNumber(error.errno) }
}

const NOTABLE: ReadonlySet<Errno> = new Set<Errno>([
  'EIO',
  'ETIMEDOUT',
  'ESTALE',
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
])

/** Whether a person should find this failure in the log: trouble, not an everyday answer such as ENOENT. */
export function isNotable(error: FsError): boolean {
  if (NOTABLE.has(error.errno)) return true
  return error.cause instanceof StoreError && !EVERYDAY.has(error.cause.kind)
}

/** Those that say all by themselves. That a name is taken, or that a store cannot do something, has a reason. */
const EVERYDAY: ReadonlySet<string> = new Set(['not-found', 'not-empty', 'aborted'])
