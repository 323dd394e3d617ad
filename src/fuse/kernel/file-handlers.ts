/** Requests about open files: opening, data, and the promises of flush and fsync. */
import { FsError, LookAgain } from '../../core/errors.ts'
import type { HandleId, Ino } from '../../core/types.ts'
import type { Attr, OpenFlags } from '../../fs/api.ts'
import { isExclusive, openFlags } from '../open-flags.ts'
import type { Call } from './call.ts'
import { SMALL_WRITE } from './device.ts'
import { ownerIn } from './name-handlers.ts'
import {
  FOPEN_KEEP_CACHE,
  FOPEN_NOFLUSH,
  FSYNC_DATA_ONLY,
  OPEN_KILL_SETID,
  OP,
  WRITE_IN,
  WRITE_KILL_SETID,
} from './protocol.ts'
import type { Handler, Session } from './session.ts'
import { withoutSetId } from './set-id.ts'

const PERM = 0o7777

interface Opened {
  readonly handle: HandleId
  readonly flags: number
}

export const fileHandlers: Readonly<Record<number, Handler>> = {
  /** `struct fuse_open_in`: flags, open_flags. */
  [OP.open](session, call) {
    const flags = openFlags(call.u32(0))
    const kills = (call.u32(4) & OPEN_KILL_SETID) !== 0
    const work = async () => {
      if (kills && flags.truncate) await dropSetId(session, call.ino)
      return open(session, call, call.ino, flags)
    }
    session.run(call, 'open', work, opened => {
      if (!session.replies.open(call.unique, opened.handle, opened.flags))
        unwanted(session, opened.handle)
    })
  },

  /** `struct fuse_create_in`: flags, mode, umask, open_flags. */
  [OP.create](session, call) {
    const flags = call.u32(0)
    const perm = call.u32(4) & PERM
    const name = call.name(16)
    const work = () => create(session, call, name.fresh(), perm, flags)
    const answer = (opened: Opened & { attr: Attr }) => {
      const { attr, handle } = opened
      if (session.replies.create(call.unique, attr, handle, opened.flags))
        session.places.told(attr.ino, call.ino, name.text)
      else unwanted(session, handle)
    }
    session.run(call, 'create', work, answer, name.text)
  },

  /** `struct fuse_read_in`: fh, offset, size, … */
  [OP.read](session, call) {
    const handle = call.u64(0)
    const offset = call.u64(8)
    const size = call.u32(16)
    const work = async () => {
      if (!session.handles.isCurrent(handle)) {
        throw new FsError('ESTALE', 'the file was replaced and opened anew since')
      }
      const memory = session.memory.take(size)
      // Memory of a read that fails is left to the collector: something may still write there.
      const count = await session.fs.read(handle, memory, offset)
      return { memory, count: checked(count, size) }
    }
    session.run(call, 'read', work, ({ memory, count }) => {
      session.replies.data(call.unique, memory.subarray(0, count))
      session.memory.giveBack(memory)
    })
  },

  /** `struct fuse_write_in`: fh, offset, size, write_flags, …; then the data. */
  [OP.write](session, call) {
    const handle = call.u64(0)
    const offset = call.u64(8)
    const size = call.u32(16)
    const kills = (call.u32(20) & WRITE_KILL_SETID) !== 0
    const kept = size > SMALL_WRITE
    const inRequest = call.body.subarray(WRITE_IN, WRITE_IN + size)
    const data = kept ? inRequest : Buffer.from(inRequest)
    const work = async () => {
      try {
        if (kills) await dropSetId(session, call.ino)
        return checked(await session.fs.write(handle, data, offset), size)
      } finally {
        if (kept) session.device.giveBack(call.buffer)
      }
    }
    session.run(call, 'write', work, count => void session.replies.count(call.unique, count))
    return kept
  },

  /**
   * `struct fuse_fallocate_in`: fh, offset, length, mode. Growing is all that can be done, and spares
   * posix_fallocate(3) a write to each block. Nothing is reserved.
   */
  [OP.fallocate](session, call) {
    const handle = call.u64(0)
    const end = call.u64(8) + call.u64(16)
    const mode = call.u32(24)
    session.status(call, 'fallocate', async () => {
      if (mode !== 0) throw new FsError('EOPNOTSUPP', 'a file can be made larger, no more')
      // The kernel has locked the inode: nobody writes meanwhile.
      const { size } = await session.fs.getattr(call.ino, handle)
      if (end > size) await session.fs.setattr(call.ino, { size: end }, handle)
    })
  },

  /** `struct fuse_copy_file_range_in`: fh_in, off_in, nodeid_out, fh_out, off_out, len, flags. */
  [OP.copyFileRange](session, call) {
    const from = call.u64(0)
    const to = call.u64(24)
    const range = { fromOffset: call.u64(8), toOffset: call.u64(32), length: call.u64(40) }
    const work = async () => {
      if (!session.fs.copyRange) throw new FsError('EOPNOTSUPP', 'bytes are read and written')
      return session.fs.copyRange(from, to, range)
    }
    session.run(call, 'copy', work, count => void session.replies.count(call.unique, count))
  },

  [OP.flush](session, call) {
    const handle = call.u64(0)
    session.status(call, 'flush', () => session.fs.flush(handle))
  },

  /** `struct fuse_fsync_in`: fh, fsync_flags. */
  [OP.fsync](session, call) {
    const handle = call.u64(0)
    const dataOnly = (call.u32(8) & FSYNC_DATA_ONLY) !== 0
    session.status(call, 'fsync', () => session.fs.fsync(handle, dataOnly))
  },

  [OP.release](session, call) {
    const handle = call.u64(0)
    session.handles.closed(handle)
    session.status(call, 'release', () => session.fs.release(handle))
  },
}

async function open(session: Session, call: Call, ino: Ino, flags: OpenFlags): Promise<Opened> {
  const { fs, handles } = session
  const handle = await fs.open(ino, flags)
  const generation = await fs.generation?.(handle)
  const { changed, keep } = handles.opened(handle, { ino, generation })
  if (changed || call.answered) {
    unwanted(session, handle)
    // The kernel asks for name and attributes again and then opens once more, with the right size.
    throw new LookAgain('the file was replaced')
  }
  // The close of one that changes nothing has nothing to wait for.
  const reads = !flags.write && !flags.append && !flags.truncate
  return { handle, flags: (keep ? FOPEN_KEEP_CACHE : 0) | (reads ? FOPEN_NOFLUSH : 0) }
}

/** Where somebody else made the file since the kernel looked, it is opened, unless the caller wants it new. */
async function create(
  session: Session,
  call: Call,
  name: string,
  perm: number,
  flags: number,
): Promise<Opened & { attr: Attr }> {
  const { fs, handles } = session
  const wanted = openFlags(flags)
  const { owner } = await ownerIn(session, call.ino, call.caller)
  try {
    const { attr, handle } = await fs.create(call.ino, name, perm, wanted, owner)
    handles.opened(handle, { ino: attr.ino, generation: await fs.generation?.(handle) })
    if (call.answered) unwanted(session, handle)
    return { attr, handle, flags: 0 }
  } catch (error) {
    if (!(error instanceof FsError) || error.errno !== 'EEXIST' || isExclusive(flags)) throw error
  }
  const found = await fs.lookup(call.ino, name)
  // The kernel looks the name up again, and follows or refuses it.
  if (found.kind !== 'file') throw new FsError('ESTALE', 'the name is no file any more')
  const opened = await open(session, call, found.ino, wanted)
  return { ...opened, attr: await fs.getattr(found.ino, opened.handle) }
}

/** A handle that the kernel does not know of. */
function unwanted(session: Session, handle: HandleId): void {
  session.handles.closed(handle)
  void session.fs.release(handle).catch(() => {})
}

async function dropSetId(session: Session, ino: Ino): Promise<void> {
  const change = withoutSetId(await session.fs.getattr(ino))
  if (change.perm !== undefined) await session.fs.setattr(ino, change)
}

/** A count that no read or write can have is a bug of ours: thrown, so that it becomes EIO. */
function checked(count: number, size: number): number {
  if (!Number.isInteger(count) || count < 0 || count > size) {
    throw new RangeError(`a count of ${count} bytes for a request of ${size}`)
  }
  return count
}
