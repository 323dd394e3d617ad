/**
 * Requests about names: look-ups, what makes them, moves them and takes them away.
 *
 * What is made belongs to the caller, and to the directory's group where the directory says so (setgid), as
 * on a local file system. The kernel has checked permissions and taken the umask off.
 */
import { FsError } from '../../core/errors.ts'
import { nodeOfMknod } from '../../core/posix.ts'
import type { Ino } from '../../core/types.ts'
import type { Attr, Caller } from '../../fs/api.ts'
import type { Call } from './call.ts'
import { OP, RENAME_NOREPLACE } from './protocol.ts'
import type { Handler, Session } from './session.ts'

const PERM = 0o7777
const SETGID = 0o2000

export const nameHandlers: Readonly<Record<number, Handler>> = {
  [OP.lookup](session, call) {
    const name = call.name(0)
    const { fs } = session
    const work = async () => {
      const attr = await fs.lookup(call.ino, name.existing(), 'kind')
      const [known] = (await fs.known?.(call.ino, [name.text])) ?? []
      return { attr, known: known?.attr.ino === attr.ino ? known : undefined }
    }
    const answer = ({ attr, known }: Awaited<ReturnType<typeof work>>) =>
      session.entry(call, call.ino, name.text, known?.attr ?? attr, known)
    session.run(call, 'lookup', work, answer, name.text)
  },

  /** `struct fuse_mkdir_in`: mode, umask. */
  [OP.mkdir](session, call) {
    const perm = call.u32(0) & PERM
    const name = call.name(8)
    makes(session, call, 'mkdir', name.text, async () => {
      const { owner, setgid } = await ownerIn(session, call.ino, call.caller)
      return session.fs.mkdir(call.ino, name.fresh(), perm | setgid, owner)
    })
  },

  [OP.symlink](session, call) {
    const name = call.name(0)
    const target = call.name(name.length + 1)
    makes(session, call, 'symlink', name.text, async () => {
      const { owner } = await ownerIn(session, call.ino, call.caller)
      return session.fs.symlink(call.ino, name.fresh(), target.content(), owner)
    })
  },

  /** `struct fuse_mknod_in`: mode, rdev, umask. */
  [OP.mknod](session, call) {
    const mode = call.u32(0)
    const what = nodeOfMknod(mode, call.u32(4))
    const name = call.name(16)
    const { fs } = session
    makes(session, call, 'mknod', name.text, async () => {
      if (what === undefined) throw new FsError('EPERM', 'mknod makes no such thing')
      const { owner } = await ownerIn(session, call.ino, call.caller)
      if (what !== 'file') {
        return fs.mknod(call.ino, name.fresh(), what, mode & PERM, owner)
      }
      const flags = { read: false, write: true, append: false, truncate: false }
      const made = await fs.create(call.ino, name.fresh(), mode & PERM, flags, owner)
      await fs.flush(made.handle)
      await fs.release(made.handle)
      return made.attr
    })
  },

  [OP.link](session, call) {
    const name = call.name(8)
    const from = call.u64(0)
    makes(session, call, 'link', name.text, () => session.fs.link(from, call.ino, name.fresh()))
  },

  [OP.unlink](session, call) {
    const name = call.name(0)
    const work = () => session.fs.unlink(call.ino, name.existing())
    session.status(call, 'unlink', work, name.text)
  },

  [OP.rmdir](session, call) {
    const name = call.name(0)
    const work = () => session.fs.rmdir(call.ino, name.existing())
    session.status(call, 'rmdir', work, name.text)
  },

  [OP.rename](session, call) {
    rename(session, call, 8, 0)
  },

  /** `struct fuse_rename2_in`: newdir, flags. */
  [OP.rename2](session, call) {
    rename(session, call, 16, call.u32(8))
  },
}

function rename(session: Session, call: Call, namesAt: number, flags: number): void {
  const newParent = call.u64(0)
  const from = call.name(namesAt)
  const to = call.name(namesAt + from.length + 1)
  const work = async () => {
    if ((flags & ~RENAME_NOREPLACE) !== 0) throw new FsError('EINVAL', 'only NOREPLACE is known')
    const noReplace = (flags & RENAME_NOREPLACE) !== 0
    await session.fs.rename(call.ino, from.existing(), newParent, to.fresh(), noReplace)
  }
  session.status(call, 'rename', work, from.text)
}

/** Runs what answers with an inode under a name in the request's directory. */
function makes(
  session: Session,
  call: Call,
  operation: string,
  name: string,
  work: () => Promise<Attr>,
): void {
  session.run(call, operation, work, attr => session.entry(call, call.ino, name, attr), name)
}

/** Who owns what `caller` makes in `parent`, and the bit that a directory made there takes over. */
export async function ownerIn(
  session: Session,
  parent: Ino,
  caller: Caller,
): Promise<{ owner: Caller; setgid: number }> {
  const { perm, gid } = await session.fs.getattr(parent)
  if ((perm & SETGID) === 0) return { owner: caller, setgid: 0 }
  return { owner: { uid: caller.uid, gid }, setgid: SETGID }
}
