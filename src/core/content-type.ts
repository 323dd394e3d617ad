/**
 * Content types: guessed from a file's name when pailfs stores it, and those that say "directory" or "link"
 * when it reads what others stored.
 */
import mime from 'mime'

/** What s3fs, Hadoop and pailfs give to a `dir/` marker on S3. */
export const S3_DIRECTORY = 'application/x-directory'
/** What swift, rclone and pailfs give to a directory marker on Swift. */
export const SWIFT_DIRECTORY = 'application/directory'
/** svfs and cloudfuse: a symbolic link. */
export const LINK = 'application/link'

const DIRECTORIES: ReadonlySet<string> = new Set([
  S3_DIRECTORY,
  SWIFT_DIRECTORY,
  'httpd/unix-directory',
  'text/directory',
])

/** Endings that `mime` does not know, as the shared MIME database has them. */
const MORE: Readonly<Record<string, string>> = {
  tgz: 'application/gzip',
  zst: 'application/zstd',
  parquet: 'application/vnd.apache.parquet',
}

/** The type without parameters such as `; charset=utf-8`, in lower case. */
function essence(type: string | undefined): string {
  return (type ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

/**
 * The type for a file name (or key), undefined where its ending tells nothing: the store's own default then holds
 * (`binary/octet-stream` on S3, `application/octet-stream` on Swift).
 */
export function contentTypeOf(name: string): string | undefined {
  const last = name.slice(name.lastIndexOf('/') + 1)
  // A leading dot makes a hidden file, not an ending.
  const dot = last.lastIndexOf('.')
  if (dot <= 0) return undefined
  const ending = last.slice(dot + 1).toLowerCase()
  return (Object.hasOwn(MORE, ending) ? MORE[ending] : mime.getType(ending)) ?? undefined
}

/** Whether a marker of this type stands for a directory. */
export function isDirectoryType(type: string | undefined): boolean {
  return DIRECTORIES.has(essence(type))
}

/** Whether an object of this type is a symbolic link. */
export function isLinkType(type: string | undefined): boolean {
  return essence(type) === LINK
}
