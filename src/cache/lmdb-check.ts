/**
 * Whether a file can be given to LMDB. LMDB maps its file and believes it: one that is garbage or cut short kills the
 * process (SIGSEGV, SIGBUS; seen with lmdb 3.5.6), so the head is looked at first. Facts from LMDB's `mdb.c`
 * as lmdb-js builds it: pages 0 and 1 are meta pages; a meta begins 24 bytes into its page with the magic number,
 * then (64 bits little-endian) the page size at 48 (32 bits), the last page in use at 144, the transaction at 152.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const MAGIC = 0xbeefc0de
const META_SIZE = 160
/** lmdb-js makes databases of this page size unless told otherwise. */
const PAGE = 4096

interface Meta {
  readonly transaction: bigint
  /** Bytes that the file must have. */
  readonly needs: bigint
}

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
    const metas = [readMeta(file, 0), readMeta(file, PAGE)]
    const [first, second] = metas
    if (first === undefined || second === undefined) return false
    const newest = first.transaction > second.transaction ? first : second
    return BigInt(size) >= newest.needs
  } finally {
    closeSync(file)
  }
}

function readMeta(file: number, at: number): Meta | undefined {
  const bytes = Buffer.alloc(META_SIZE)
  if (readSync(file, bytes, 0, META_SIZE, at) < META_SIZE) return undefined
  if (bytes.readUInt32LE(24) !== MAGIC || bytes.readUInt32LE(48) !== PAGE) return undefined
  const needs = (bytes.readBigUInt64LE(144) + 1n) * BigInt(PAGE)
  return { transaction: bytes.readBigUInt64LE(152), needs }
}
