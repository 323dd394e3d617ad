/** The flags of open(2) as Linux numbers them. */
import type { OpenFlags } from '../fs/api.ts'

const O_ACCMODE = 3
const O_WRONLY = 1
const O_RDWR = 2
const O_EXCL = 0o200
const O_TRUNC = 0o1000
const O_APPEND = 0o2000

export function openFlags(flags: number): OpenFlags {
  const mode = flags & O_ACCMODE
  return {
    read: mode !== O_WRONLY,
    write: mode === O_WRONLY || mode === O_RDWR,
    append: (flags & O_APPEND) !== 0,
    truncate: (flags & O_TRUNC) !== 0,
  }
}

/** Whether a creating open must find the name free. */
export function isExclusive(flags: number): boolean {
  return (flags & O_EXCL) !== 0
}
