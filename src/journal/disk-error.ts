/** What the local disk says, as the file system's error: a full disk is ENOSPC, a file beyond its limits EFBIG, all else EIO. */
import { FsError } from '../core/errors.ts'

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'MDB_MAP_FULL'])

/** The code of a Node error; LMDB gives its errno as a number or only in the text. */
function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (code === 28 || /no space left/i.test(String(message))) return 'ENOSPC'
  return String(code)
}

/** Any error of the disk as an FsError that says what was being done. */
export function diskError(error: unknown, doing: string): FsError {
  if (error instanceof FsError) return error
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  if (code === 'EFBIG')
    return new FsError('EFBIG', `${doing}: more than the journal's disk can address`, error)
  return FULL.has(code)
    ? new FsError('ENOSPC', `the journal's disk is full (${doing})`, error)
    : new FsError('EIO', `${doing}: ${message}`, error)
}
