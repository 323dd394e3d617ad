/** Whole reads and writes at a position, over node:fs: short counts are carried on with, errors are Node's. */
import { fdatasync, ftruncate, fsync, read, write, writeSync } from 'node:fs'
import type { Bytes } from '../core/types.ts'

/**
 * Writes up to this size are done at once on the calling thread: the copy into the page cache takes 2 to 4 µs,
 * a round through the thread pool takes 20 and more of processor time.
 */
export const AT_ONCE: Bytes = 16 << 10

function once(run: (done: (error: Error | null, count?: number) => void) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    run((error, count) => (error === null ? resolve(count ?? 0) : reject(error)))
  })
}

/** Writes all of `from`, on this thread. */
export function writeAllSync(fd: number, from: Uint8Array, offset: Bytes): void {
  let at = 0
  while (at < from.length) at += writeSync(fd, from, at, from.length - at, offset + at)
}

/** Writes all of `from`: on this thread if it is little, else on the thread pool. */
export async function writeAll(fd: number, from: Uint8Array, offset: Bytes): Promise<void> {
  if (from.length <= AT_ONCE) {
    writeAllSync(fd, from, offset)
    return
  }
  let at = 0
  while (at < from.length) {
    at += await once(done => write(fd, from, at, from.length - at, offset + at, done))
  }
}

/** Fills `into` as far as the file goes; resolves with the count. */
export async function readAll(fd: number, into: Uint8Array, offset: Bytes): Promise<number> {
  let at = 0
  while (at < into.length) {
    const count = await once(done => read(fd, into, at, into.length - at, offset + at, done))
    if (count === 0) break
    at += count
  }
  return at
}

export async function truncateFile(fd: number, size: Bytes): Promise<void> {
  await once(done => ftruncate(fd, size, done))
}

/** Bytes, and what is needed to find them, are on the disk. */
export async function syncData(fd: number): Promise<void> {
  await once(done => fdatasync(fd, done))
}

export async function syncFile(fd: number): Promise<void> {
  await once(done => fsync(fd, done))
}
