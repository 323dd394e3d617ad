/**
 * fuse-native's calling convention: one function an opcode, called with the waiting thread's C struct, the
 * opcode and the arguments; answered through `fuse_native_signal_<name>`.
 *
 * The package's own handlers are left out altogether: they answer getxattr with more bytes than were asked
 * for, overrun the buffer of listxattr, never call fgetattr, and give utimens a wrong mtime.
 *
 * `access` is absent: the kernel checks permissions (default_permissions). `opendir` is absent: libfuse
 * answers it alone.
 *
 * Buffers of read, write and the xattr calls lie over C memory that is freed after the answer; the answer
 * detaches them. A read that is still being filled when its deadline strikes is therefore the one thing that
 * must not happen: `FileSystem.read` has its own, much shorter, deadlines.
 */
import type { FileSystem } from '../../fs/api.ts'
import { isForeign } from '../names.ts'
import type { Binding } from './binding.ts'
import type { Guard } from '../guard.ts'
import { Operations } from './operations.ts'
import { Paths } from './paths.ts'
import { NO_STAT, NO_STATFS, direntWords, statWords, statfsWords } from './stat.ts'
import { timesOf } from './times.ts'

const ENODATA = -61
const ERANGE = -34
const TWO_32 = 4294967296

type Thread = Buffer
type Signal = (thread: Thread, result: number, ...data: unknown[]) => void
/** Arguments come from C as the comment at each handler says; nothing checks them. */
type Handler = (thread: Thread, opcode: number, ...args: never[]) => void

export interface HandlerTable {
  readonly handlers: readonly (Handler | undefined)[]
  readonly implemented: Set<number>
}

export function buildHandlers(
  binding: Binding,
  guard: Guard,
  fs: FileSystem,
  options: { readonly xattr: boolean },
): HandlerTable {
  const operations = new Operations(fs, new Paths(fs))
  const signal = (name: string): Signal => binding[`fuse_native_signal_${name}`] as Signal
  const all: Record<string, Handler> = {
    ...statusHandlers(operations, guard, signal),
    ...attributeHandlers(operations, guard, signal),
    ...dataHandlers(operations, guard, signal),
    ...(options.xattr ? xattrHandlers(operations, guard, signal) : {}),
  }
  const handlers: (Handler | undefined)[] = []
  const implemented = new Set<number>()
  for (const [name, handler] of Object.entries(all)) {
    const opcode = binding[`op_${name}`] as number
    handlers[opcode] = handler
    implemented.add(opcode)
  }
  return { handlers, implemented }
}

type Signals = (name: string) => Signal

/** Operations that answer with nothing but success or an errno. */
function statusHandlers(ops: Operations, guard: Guard, signal: Signals): Record<string, Handler> {
  const status = (
    name: string,
    work: (path: string, ...args: never[]) => Promise<unknown>,
  ): Handler => {
    const answer = signal(name)
    return (thread, _opcode, path: string, ...args: never[]) => {
      const settle = (errno: number) => answer(thread, errno)
      guard.run(
        name,
        path,
        () => work(path, ...args),
        () => settle(0),
        settle,
      )
    }
  }
  return {
    chmod: status('chmod', (path, mode: number) => ops.chmod(path, mode)),
    chown: status('chown', (path, uid: number, gid: number) => ops.chown(path, uid, gid)),
    truncate: status('truncate', (path, low: number, high: number) =>
      ops.truncate(path, join(low, high)),
    ),
    ftruncate: status('ftruncate', (path, fd: number, low: number, high: number) =>
      ops.ftruncate(path, fd, join(low, high)),
    ),
    mknod: status('mknod', (path, mode: number, rdev: number) => ops.mknod(path, mode, rdev)),
    mkdir: status('mkdir', (path, mode: number) => ops.mkdir(path, mode)),
    symlink: status('symlink', (target, path: string) => ops.symlink(target, path)),
    link: status('link', (from, to: string) => ops.link(from, to)),
    unlink: status('unlink', path => ops.unlink(path)),
    rmdir: status('rmdir', path => ops.rmdir(path)),
    rename: status('rename', (from, to: string) => ops.rename(from, to)),
    flush: status('flush', (_path, fd: number) => ops.flush(fd)),
    fsync: status('fsync', (_path, datasync: number, fd: number) => ops.fsync(fd, datasync !== 0)),
    fsyncdir: status('fsyncdir', path => ops.fsyncdir(path)),
    release: status('release', (_path, fd: number) => ops.release(fd)),
    removexattr: status('removexattr', (path, name: string) => ops.removexattr(path, name)),
  }
}

function attributeHandlers(
  ops: Operations,
  guard: Guard,
  signal: Signals,
): Record<string, Handler> {
  const answerGetattr = signal('getattr')
  const answerFgetattr = signal('fgetattr')
  const answerStatfs = signal('statfs')
  const answerReadlink = signal('readlink')
  const answerReaddir = signal('readdir')
  const answerUtimens = signal('utimens')
  return {
    getattr: (thread, _opcode, path: string) =>
      guard.run(
        'getattr',
        path,
        () => ops.getattr(path),
        attr => answerGetattr(thread, 0, statWords(attr)),
        errno => answerGetattr(thread, errno, NO_STAT),
      ),
    fgetattr: (thread, _opcode, path: string, fd: number) =>
      guard.run(
        'fgetattr',
        path,
        () => ops.fgetattr(path, fd),
        attr => answerFgetattr(thread, 0, statWords(attr)),
        errno => answerFgetattr(thread, errno, NO_STAT),
      ),
    statfs: (thread, _opcode, path: string) =>
      guard.run(
        'statfs',
        path,
        () => ops.statfs(),
        stat => answerStatfs(thread, 0, statfsWords(stat)),
        errno => answerStatfs(thread, errno, NO_STATFS),
      ),
    readlink: (thread, _opcode, path: string) =>
      guard.run(
        'readlink',
        path,
        () => ops.readlink(path),
        target => answerReadlink(thread, 0, target),
        errno => answerReadlink(thread, errno, ''),
      ),
    readdir: (thread, _opcode, path: string) =>
      guard.run(
        'readdir',
        path,
        () => ops.readdir(path),
        listing => {
          const { names, stats } = direntWords(listing)
          answerReaddir(thread, 0, names, stats)
        },
        errno => answerReaddir(thread, errno, [], []),
      ),
    utimens: (thread, _opcode, path: string, low: number, high: number) => {
      const { atime, mtime } = timesOf(thread, low, high)
      const settle = (errno: number) => answerUtimens(thread, errno)
      guard.run(
        'utimens',
        path,
        () => ops.utimens(path, atime, mtime),
        () => settle(0),
        settle,
      )
    },
  }
}

function dataHandlers(ops: Operations, guard: Guard, signal: Signals): Record<string, Handler> {
  const answerOpen = signal('open')
  const answerCreate = signal('create')
  const answerRead = signal('read')
  const answerWrite = signal('write')
  return {
    open: (thread, _opcode, path: string, flags: number) =>
      guard.run(
        'open',
        path,
        () => ops.open(path, flags),
        fd => answerOpen(thread, 0, fd),
        errno => answerOpen(thread, errno, 0),
      ),
    create: (thread, _opcode, path: string, mode: number) =>
      guard.run(
        'create',
        path,
        () => ops.create(path, mode),
        fd => answerCreate(thread, 0, fd),
        errno => answerCreate(thread, errno, 0),
      ),
    read: (
      thread,
      _opcode,
      path: string,
      fd: number,
      buffer: Buffer,
      length: number,
      low: number,
      high: number,
    ) => {
      const memory = buffer.buffer
      const settle = (result: number) => answerRead(thread, result, 0, memory)
      guard.run(
        'read',
        path,
        () => ops.read(fd, buffer, join(low, high)),
        count => settle(checkCount(count, length)),
        settle,
      )
    },
    write: (
      thread,
      _opcode,
      path: string,
      fd: number,
      buffer: Buffer,
      length: number,
      low: number,
      high: number,
    ) => {
      const memory = buffer.buffer
      const settle = (result: number) => answerWrite(thread, result, 0, memory)
      guard.run(
        'write',
        path,
        () => ops.write(fd, buffer, join(low, high)),
        count => settle(checkCount(count, length)),
        settle,
      )
    },
  }
}

function xattrHandlers(ops: Operations, guard: Guard, signal: Signals): Record<string, Handler> {
  const answerGet = signal('getxattr')
  const answerSet = signal('setxattr')
  const answerList = signal('listxattr')
  return {
    getxattr: (thread, _opcode, path: string, name: string, into: Buffer) => {
      const memory = into.buffer
      if (isForeign(name)) {
        answerGet(thread, ENODATA, memory)
        return
      }
      guard.run(
        'getxattr',
        path,
        () => ops.getxattr(path, name),
        value => answerGet(thread, give(value, into), memory),
        errno => answerGet(thread, errno, memory),
      )
    },
    setxattr: (
      thread,
      _opcode,
      path: string,
      name: string,
      value: Buffer,
      _position: number,
      flags: number,
    ) => {
      const memory = value.buffer
      const copy = Uint8Array.from(value)
      guard.run(
        'setxattr',
        path,
        () => ops.setxattr(path, name, copy, flags),
        () => answerSet(thread, 0, memory),
        errno => answerSet(thread, errno, memory),
      )
    },
    listxattr: (thread, _opcode, path: string, into: Buffer) => {
      const memory = into.buffer
      guard.run(
        'listxattr',
        path,
        () => ops.listxattr(path),
        names => answerList(thread, give(joinNames(names), into), memory),
        errno => answerList(thread, errno, memory),
      )
    },
  }
}

/** The xattr(7) rule: an empty buffer asks for the size, one that is too small is ERANGE. */
function give(value: Uint8Array, into: Buffer): number {
  if (into.length === 0) return value.length
  if (value.length > into.length) return ERANGE
  into.set(value)
  return value.length
}

function joinNames(names: readonly string[]): Buffer {
  return Buffer.from(names.map(name => `${name}\0`).join(''))
}

function join(low: number, high: number): number {
  return low + high * TWO_32
}

/** A count that no read or write can have is a bug of ours: thrown, so that it becomes EIO. */
function checkCount(count: number, length: number): number {
  if (!Number.isInteger(count) || count < 0 || count > length) {
    throw new RangeError(`a count of ${count} bytes for a request of ${length}`)
  }
  return count
}
