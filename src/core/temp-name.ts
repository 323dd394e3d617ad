/**
 * File names by which programs make it known that a file will be renamed or removed soon. Guesses only: a wrong
 * one costs time (the file is sent later) or traffic (it streams under a name it does not get), never data.
 */

/**
 * rsync's `.NAME.XXXXXX`, but not `.profile.backup` or `.access.202611`. NAME may have been cut short where the
 * whole would be too long for a file name.
 */
const RSYNC = /^\.(.+)\.(?!backup$|config$|sample$|master$|latest$|\d{6}$)[A-Za-z0-9]{6}$/s

/** Names of files that are temporary by the habits of common programs. */
const TEMPORARY: readonly RegExp[] = [
  RSYNC,
  /\.(?:part|partial|crdownload|download|tmp|temp)$/i, // browsers, wget-likes, most others
  /^\.goutputstream-/, // GLib
  /^sed[A-Za-z0-9]{6}$/, // sed -i
  /~$/, // vim, Emacs: backup copies
  /\.sw[a-px]x?$/, // vim
  /^4913$/, // vim tries whether it may create files
  /^\.#/, // Emacs locks, CVS, Lustre
  /^~\$/, // Microsoft Office
  /^\.~lock\..*#$/, // LibreOffice
  /^(?:index|HEAD|ORIG_HEAD|FETCH_HEAD|config|packed-refs|shallow)\.lock$/, // git; Cargo.lock is no such thing
  /^\.nfs[0-9a-f]{8,}$/, // NFS client, removed while open
  /^\.fuse_hidden/, // libfuse, removed while open
  /-(?:journal|wal|shm)$/, // SQLite
]

/** Directories whose files are renamed out of them when they are whole: rsync --delay-updates, --partial-dir. */
const TEMPORARY_DIRECTORIES: ReadonlySet<string> = new Set(['.~tmp~', '.rsync-partial'])

/** Names that are the final one with something after it. */
const SUFFIXED = /^(.+)\.(?:part|partial|crdownload)$/s
/** What rsync's mkstemp makes is at most so long; near it the name inside may be cut. */
const RSYNC_CUT = 240

/** Whether a file of this name (last component, or a path within the mount) is likely to be renamed or removed soon. */
export function isTemporaryName(name: string): boolean {
  const parts = name.split('/')
  const last = parts.pop() ?? ''
  return (
    TEMPORARY.some(pattern => pattern.test(last)) ||
    parts.some(part => TEMPORARY_DIRECTORIES.has(part))
  )
}

/**
 * The name (last component) that a temporary one is likely to be renamed to, in the same directory;
 * undefined where the name does not tell.
 */
export function finalName(name: string): string | undefined {
  if (name.length > RSYNC_CUT) return undefined
  const found = RSYNC.exec(name) ?? SUFFIXED.exec(name)
  return found?.[1]
}
