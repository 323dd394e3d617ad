/**
 * POSIX attributes in user metadata: the way in. Formats and who writes them: `metadata-fields.ts`.
 */
export { forNewContent, writeAttributes } from './metadata-write.ts'
export { FOLDER, readAttributes, tellsTime } from './metadata-read.ts'
export { isPosixField } from './posix-fields.ts'
