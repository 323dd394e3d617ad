/**
 * Requests about open directories. A listing is a snapshot, taken when the directory is read from its
 * start; later requests go on in it, so that every name shows once whatever happens meanwhile.
 */
import { FsError } from '../../core/errors.ts'
import type { DirEntry } from '../../fs/api.ts'
import { isListable } from '../names.ts'
import type { Call } from './call.ts'
import { OP } from './protocol.ts'
import { putDirent } from './replies.ts'
import type { Handler, Session } from './session.ts'

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
    const handle = call.u64(0)
    const offset = call.u64(8)
    const size = call.u32(16)
    const work = async () => {
      const directory = session.handles.directory(handle)
      if (directory === undefined) throw new FsError('EBADF', `no open directory ${handle}`)
      if (offset === 0 || directory.entries === undefined) {
        directory.entries = listing(session, call, await session.fs.readdir(handle))
      }
      return directory.entries
    }
    session.run(call, 'readdir', work, entries => {
      const memory = session.memory.take(size)
      session.replies.data(call.unique, memory.subarray(0, fill(memory, entries, offset)))
      session.memory.giveBack(memory)
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
