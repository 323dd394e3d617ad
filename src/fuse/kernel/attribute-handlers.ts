/** Requests about attributes, extended ones included, and about the file system as a whole. */
import { FsError, LookAgain } from '../../core/errors.ts'
import type { HandleId, Ino, Milliseconds, Nanoseconds } from '../../core/types.ts'
import type { Attr, AttrChange } from '../../fs/api.ts'
import { isForeign } from '../names.ts'
import type { Call } from './call.ts'
import { GETATTR_HANDLE, OP, SET, SETXATTR_IN } from './protocol.ts'
import type { Handler, Session } from './session.ts'
import { withoutSetId } from './set-id.ts'

const PERM = 0o7777
const XATTR_CREATE = 1
const XATTR_REPLACE = 2
/** Each walk of a path asks for the attributes of the directories on it, and those of the root come with no look-up. */
const DIRECTORY_FRESH: Milliseconds = 1000

export const attributeHandlers: Readonly<Record<number, Handler>> = {
  /** `struct fuse_getattr_in`: flags, dummy, fh. */
  [OP.getattr](session, call) {
    const handle = (call.u32(0) & GETATTR_HANDLE) !== 0 ? call.u64(8) : undefined
    const work = () => attributesOf(session, call.ino, handle)
    session.run(call, 'getattr', work, attr => {
      const fresh = attr.kind === 'directory' ? DIRECTORY_FRESH : 0
      if (session.replies.attr(call.unique, attr, fresh)) session.places.toldAll(call.ino)
    })
  },

  [OP.setattr](session, call) {
    const valid = call.u32(0)
    const handle = (valid & SET.handle) !== 0 ? call.u64(8) : undefined
    const change = changeOf(call, valid)
    const work = async (): Promise<Attr> => {
      if (handle === undefined && session.places.isProvisional(call.ino)) {
        await attributesOf(session, call.ino)
        throw new LookAgain('the kernel did not know whose it is')
      }
      const more = await setIdChange(session, call, valid)
      return session.fs.setattr(call.ino, { ...change, ...more }, handle)
    }
    session.run(call, 'setattr', work, attr => void session.replies.attr(call.unique, attr))
  },

  [OP.readlink](session, call) {
    const work = () => session.fs.readlink(call.ino)
    const answer = (target: string) => void session.replies.data(call.unique, Buffer.from(target))
    session.run(call, 'readlink', work, answer)
  },

  [OP.statfs](session, call) {
    const work = () => session.fs.statfs()
    session.run(call, 'statfs', work, stat => void session.replies.statfs(call.unique, stat))
  },
}

export const xattrHandlers: Readonly<Record<number, Handler>> = {
  /** `struct fuse_setxattr_in`: size, flags; then the name and the value. */
  [OP.setxattr](session, call) {
    const size = call.u32(0)
    const flags = call.u32(4)
    const name = call.name(SETXATTR_IN)
    const at = SETXATTR_IN + name.length + 1
    const value = Uint8Array.from(call.body.subarray(at, at + size))
    const how = flags & XATTR_CREATE ? 'create' : flags & XATTR_REPLACE ? 'replace' : 'either'
    session.status(call, 'setxattr', async () => {
      if (isForeign(name.text))
        throw new FsError('EOPNOTSUPP', 'this kind of attribute is not kept')
      await session.fs.setxattr(call.ino, name.content(), value, how)
    })
  },

  /** `struct fuse_getxattr_in`: size, padding. */
  [OP.getxattr](session, call) {
    const size = call.u32(0)
    const name = call.name(8)
    const work = async () => {
      if (isForeign(name.text)) throw new FsError('ENODATA', 'no such attribute')
      return fitting(await session.fs.getxattr(call.ino, name.content()), size)
    }
    session.run(call, 'getxattr', work, value => give(session, call, value, size))
  },

  [OP.listxattr](session, call) {
    const size = call.u32(0)
    const work = async () => {
      const names = await session.fs.listxattr(call.ino)
      return fitting(Buffer.from(names.map(name => `${name}\0`).join('')), size)
    }
    session.run(call, 'listxattr', work, value => give(session, call, value, size))
  },

  [OP.removexattr](session, call) {
    const name = call.name(0)
    session.status(call, 'removexattr', async () => {
      if (isForeign(name.text)) throw new FsError('ENODATA', 'no such attribute')
      await session.fs.removexattr(call.ino, name.content())
    })
  },
}

/** Of an inode whose look-up asked the bucket nothing, this is the first question: there may be none of that name. */
async function attributesOf(session: Session, ino: Ino, handle?: HandleId): Promise<Attr> {
  try {
    return await session.fs.getattr(ino, handle)
  } catch (error) {
    const isGone = error instanceof FsError && error.errno === 'ENOENT'
    if (isGone && session.places.isProvisional(ino)) throw new LookAgain('the file is gone')
    throw error
  }
}

/** The xattr(7) rule: an empty buffer asks for the size, one that is too small is ERANGE. */
function fitting(value: Uint8Array, size: number): Uint8Array {
  if (size > 0 && value.byteLength > size) throw new FsError('ERANGE', 'the buffer is too small')
  return value
}

function give(session: Session, call: Call, value: Uint8Array, size: number): void {
  if (size === 0) session.replies.count(call.unique, value.byteLength)
  else session.replies.data(call.unique, value)
}

/** `struct fuse_setattr_in`: what its `valid` bits say. */
function changeOf(call: Call, valid: number): AttrChange {
  const has = (bit: number) => (valid & bit) !== 0
  return {
    ...(has(SET.mode) ? { perm: call.u32(68) & PERM } : {}),
    ...(has(SET.uid) ? { uid: call.u32(76) } : {}),
    ...(has(SET.gid) ? { gid: call.u32(80) } : {}),
    ...(has(SET.size) ? { size: call.u64(16) } : {}),
    ...(has(SET.atime) ? { atime: has(SET.atimeNow) ? 'now' : timeAt(call, 32, 56) } : {}),
    ...(has(SET.mtime) ? { mtime: has(SET.mtimeNow) ? 'now' : timeAt(call, 40, 60) } : {}),
  }
}

/** Seconds are signed. */
function timeAt(call: Call, secondsAt: number, restAt: number): Nanoseconds {
  return call.body.readBigInt64LE(secondsAt) * 1_000_000_000n + BigInt(call.u32(restAt))
}

/** With FUSE_HANDLE_KILLPRIV_V2 it is our part to take setuid and setgid off: at each chown, and where told. */
async function setIdChange(session: Session, call: Call, valid: number): Promise<AttrChange> {
  const kills = (valid & (SET.uid | SET.gid | SET.killSetId)) !== 0
  if (!kills || (valid & SET.mode) !== 0) return {}
  return withoutSetId(await session.fs.getattr(call.ino))
}
