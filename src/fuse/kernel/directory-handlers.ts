/**
 * Requests about open directories. A listing is a snapshot, taken when the directory is read from its
 * start; later requests go on in it, so that every name shows once whatever happens meanwhile.
 */
import { FsError } from '../../core/errors.ts'
import type { DirEntry, Known } from '../../fs/api.ts'
import { isListable } from '../names.ts'
import type { Call } from './call.ts'
import { DIRENT, OP } from './protocol.ts'
import type { Handler, Session } from './session.ts'
import { PLUS, putDirent, putDirentPlus } from './structs.ts'

/** The least that an entry with attributes takes. */
const LEAST_PLUS = PLUS + DIRENT

export const directoryHandlers: Readonly<Record<number, Handler>> = {
  [OP.opendir](session, call) {
    const work = async () => {
      const handle = await session.fs.opendir(call.ino)
      if (call.answered) await session.fs.releasedir(handle)
      return handle
    }
    session.run(call, 'opendir', work, handle => {
      session.handles.openedDirectory(handle, call.ino)
      if (session.replies.open(call.unique, handle, 0)) return
      session.handles.closedDirectory(handle)
      void session.fs.releasedir(handle).catch(() => {})
    })
  },

  /** `struct fuse_read_in`: fh, offset, size, …; the offset is the number of entries seen. */
  [OP.readdir](session, call) {
    const offset = call.u64(8)
    const size = call.u32(16)
    const work = () => entriesOf(session, call)
    session.run(call, 'readdir', work, entries => {
      const memory = session.memory.take(size)
      session.replies.data(call.unique, memory.subarray(0, fill(memory, entries, offset)))
      session.memory.giveBack(memory)
    })
  },

  /** As readdir, but each entry counts as a look-up where it has attributes. */
  [OP.readdirplus](session, call) {
    const offset = call.u64(8)
    const size = call.u32(16)
    const work = async () => {
      const all = await entriesOf(session, call)
      const entries = all.slice(offset, offset + Math.ceil(size / LEAST_PLUS))
      const names = entries.map(({ name }) => name)
      const known = (await session.fs.known?.(call.ino, names)) ?? []
      return entries.map((entry, index) => ({ entry, known: known[index] }))
    }
    session.run(call, 'readdir', work, entries => {
      const memory = session.memory.take(size)
      const { length, count } = fillPlus(session, memory, entries, offset)
      const taken = session.replies.data(call.unique, memory.subarray(0, length))
      session.memory.giveBack(memory)
      if (!taken) return
      for (const { entry, known } of entries.slice(0, count)) {
        if (!known) continue
        session.places.told(known.attr.ino, call.ino, entry.name)
        session.handles.told(known.attr.ino, known.generation)
      }
    })
  },

  [OP.releasedir](session, call) {
    const handle = call.u64(0)
    session.handles.closedDirectory(handle)
    session.status(call, 'releasedir', () => session.fs.releasedir(handle))
  },

  [OP.fsyncdir](session, call) {
    const handle = call.u64(0)
    session.status(call, 'fsyncdir', () => session.fs.fsyncdir(handle))
  },
}

/** The snapshot that the request goes on in; a new one at the start. Rejects with FsError. */
async function entriesOf(session: Session, call: Call): Promise<readonly DirEntry[]> {
  const handle = call.u64(0)
  const directory = session.handles.directory(handle)
  if (directory === undefined) throw new FsError('EBADF', `no open directory ${handle}`)
  if (call.u64(8) === 0 || directory.entries === undefined) {
    directory.entries = listing(session, call, await session.fs.readdir(handle))
  }
  return directory.entries
}

function listing(session: Session, call: Call, entries: readonly DirEntry[]): readonly DirEntry[] {
  const above = session.places.parentOf(call.ino)
  return [
    { name: '.', ino: call.ino, kind: 'directory' },
    { name: '..', ino: above, kind: 'directory' },
    ...entries.filter(({ name }) => isListable(name)),
  ]
}

/** As many entries as fit, from the given one on. The count of bytes. */
function fill(memory: Buffer, entries: readonly DirEntry[], from: number): number {
  let at = 0
  for (let index = from; index < entries.length; index++) {
    const end = putDirent(memory, at, entries[index]!, index + 1)
    if (end === undefined) break
    at = end
  }
  return at
}

/** An entry, and what is known of it. `.` and `..` are in no directory's names, so nothing is. */
interface Plus {
  readonly entry: DirEntry
  readonly known: Known | undefined
}

/** As many of the entries as fit; `from`: the place of the first in the listing. */
function fillPlus(
  session: Session,
  memory: Buffer,
  entries: readonly Plus[],
  from: number,
): { length: number; count: number } {
  let length = 0
  let count = 0
  for (const { entry, known } of entries) {
    const told = known && { attr: known.attr, validity: session.replies.validity(known.fresh) }
    const end = putDirentPlus(memory, length, entry, from + count + 1, told)
    if (end === undefined) break
    length = end
    count += 1
  }
  return { length, count }
}
