/**
 * The record database: LMDB, one entry a key. It holds all records up to some place in the commit log, which is
 * replayed over it at the start (lmdb-journal.ts says why there is a log at all).
 *
 * Entries are written in LMDB's default mode, off this thread, and count once lmdb's `flushed` has resolved.
 * After a power cut lmdb-js goes back to its last flushed state, which is whole (its third meta page; pages that this
 * state needs are not used anew before the next flush).
 *
 * Key: the key's UTF-8 bytes; a key LMDB can't hold (empty, over 1,900 bytes, not UTF-8) is `\0` and a SHA-256.
 * Value: one byte, the format of the value (1), and the record as JSON; the key is in it.
 */
import { createHash } from 'node:crypto'
import { open, type RootDatabase } from 'lmdb'
import type { KeyRecord } from '../core/state.ts'
import { checkRecords } from './record-check.ts'

const VALUE_FORMAT = 1
/** lmdb-js allows 1,978 bytes. */
const LONGEST_KEY = 1900
/** Entries handed to LMDB at once: keeps the main thread from being held for more than a few milliseconds. */
const AT_ONCE = 500
const REPLACED = Buffer.from('\uFFFD')

/** What is there, or (undefined) not there, under some keys. */
export type Records = ReadonlyMap<string, KeyRecord | undefined>

function dbKey(key: string): Buffer {
  const bytes = Buffer.from(key, 'utf8')
  // A lone surrogate becomes U+FFFD, so that two keys could become one: such keys go by their hash.
  const plain = bytes.length > 0 && bytes.length <= LONGEST_KEY && bytes[0] !== 0
  if (plain && !bytes.includes(REPLACED)) return bytes
  const hash = createHash('sha256').update(JSON.stringify(key)).digest()
  return Buffer.concat([Buffer.of(0), hash])
}

function dbValue(record: KeyRecord): Buffer {
  const json = JSON.stringify(record)
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(json))
  bytes[0] = VALUE_FORMAT
  bytes.write(json, 1)
  return bytes
}

function recordOf(value: Buffer): KeyRecord {
  if (value[0] !== VALUE_FORMAT) throw new Error(`a record of format ${value[0]}`)
  return JSON.parse(value.toString('utf8', 1)) as KeyRecord
}

export class RecordDb {
  readonly #path: string
  #db: RootDatabase<Buffer, Buffer>
  /** Set once LMDB failed: it may refuse everything until it is opened again. */
  #failed = false

  /** Opens or makes it. Throws FsError EIO where it is damaged, LMDB's errors. */
  constructor(path: string) {
    this.#path = path
    this.#db = this.#opened()
  }

  /** Those that can be read; `damaged` is told the keys of the others. */
  *all(damaged: (key: string) => void): Iterable<KeyRecord> {
    for (const { key, value } of this.#db.getRange()) {
      let record
      try {
        record = recordOf(value)
      } catch {
        damaged(key.toString())
        continue
      }
      yield record
    }
  }

  /**
   * Applies the records; resolves once they are on the disk. When it rejects, any part may have been applied:
   * apply all again later.
   */
  async apply(records: Records): Promise<void> {
    if (this.#failed) {
      await this.#db.close()
      this.#db = this.#opened()
      this.#failed = false
    }
    try {
      let waiting: Promise<boolean>[] = []
      for (const [key, record] of records) {
        const db = this.#db
        waiting.push(record ? db.put(dbKey(key), dbValue(record)) : db.remove(dbKey(key)))
        if (waiting.length < AT_ONCE) continue
        await Promise.all(waiting)
        waiting = []
      }
      await Promise.all(waiting)
      await this.#db.flushed
    } catch (error) {
      this.#failed = true
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#db.close()
  }

  #opened(): RootDatabase<Buffer, Buffer> {
    checkRecords(this.#path)
    const options = {
      path: this.#path,
      encoding: 'binary' as const,
      keyEncoding: 'binary' as const,
      maxDbs: 1,
      // Known to lmdb-js, not to its types.
      permissionsMode: 0o600,
    }
    return open<Buffer, Buffer>(options)
  }
}
