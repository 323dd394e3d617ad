/** Whether a file can be given to LMDB (core/lmdb-file.ts): its head, and that its pages are there. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { lmdbMetas, newestOf } from '../core/lmdb-file.ts'

/** True for a database whose pages are all there, and for no file or an empty one. Throws if it cannot be read. */
export function looksWhole(path: string): boolean {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
  try {
    const { size } = fstatSync(file)
    if (size === 0) return true
    const metas = lmdbMetas((at, length) => {
      const bytes = Buffer.alloc(length)
      return readSync(file, bytes, 0, length, at) === length ? bytes : undefined
    })
    if (!metas) return false
    const { pages, pageSize } = newestOf(metas)
    return size >= pages * pageSize
  } finally {
    closeSync(file)
  }
}
