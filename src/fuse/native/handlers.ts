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
import type { Attr, FileSystem } from '../../fs/api.ts'
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
  const ops = new Operations(fs, new Paths(fs))
  const make = shapes(guard, name => binding[`fuse_native_signal_${name}`] as Signal)
  const all: Record<string, Handler> = {
    ...statusHandlers(ops, make),
    ...valueHandlers(ops, make),
    ...dataHandlers(ops, make),
    ...(options.xattr ? xattrHandlers(ops, make) : {}),
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

/** The work of an operation: called at once, with the path, the arguments after it, and last the thread's struct. */
type Work<T> = (path: string, ...args: never[]) => Promise<T>

interface Shapes {
  /** Answers with 0 and `data` of the value, or with an errno and `none`. */
  value<T>(
    name: string,
    work: Work<T>,
    data: (value: T) => readonly unknown[],
    none: readonly unknown[],
  ): Handler
  /** Answers with the number the work came to, and gives back the C memory, the argument after the path at `at`. */
  memory(name: string, at: number, work: Work<number>, before?: readonly unknown[]): Handler
}

function shapes(guard: Guard, signal: (name: string) => Signal): Shapes {
  return {
    value(name, work, data, none) {
      const answer = signal(name)
      return (thread, _opcode, path: string, ...args: never[]) =>
        guard.run(
          name,
          path,
          () => work(path, ...args, thread as never),
          value => answer(thread, 0, ...data(value)),
          errno => answer(thread, errno, ...none),
        )
    },
    memory(name, at, work, before = []) {
      const answer = signal(name)
      return (thread, _opcode, path: string, ...args: readonly unknown[]) => {
        const memory = (args[at] as Buffer).buffer
        const settle = (result: number) => answer(thread, result, ...before, memory)
        guard.run(name, path, () => work(path, ...([...args, thread] as never[])), settle, settle)
      }
    },
  }
}

/** Operations that answer with nothing but success or an errno. */
function statusHandlers(ops: Operations, make: Shapes): Record<string, Handler> {
  const status = (name: string, work: Work<unknown>) => make.value(name, work, () => [], [])
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
    utimens: status('utimens', (path, low: number, high: number, ...more: unknown[]) => {
      const { atime, mtime } = timesOf(more.at(-1) as Thread, low, high)
      return ops.utimens(path, atime, mtime)
    }),
  }
}

const stat = (attr: Attr) => [statWords(attr)]

/** Operations that answer with a value. */
function valueHandlers(ops: Operations, make: Shapes): Record<string, Handler> {
  return {
    getattr: make.value('getattr', path => ops.getattr(path), stat, [NO_STAT]),
    fgetattr: make.value('fgetattr', (path, fd: number) => ops.fgetattr(path, fd), stat, [NO_STAT]),
    statfs: make.value(
      'statfs',
      () => ops.statfs(),
      all => [statfsWords(all)],
      [NO_STATFS],
    ),
    readlink: make.value(
      'readlink',
      path => ops.readlink(path),
      target => [target],
      [''],
    ),
    readdir: make.value(
      'readdir',
      path => ops.readdir(path),
      listing => {
        const { names, stats } = direntWords(listing)
        return [names, stats]
      },
      [[], []],
    ),
    open: make.value(
      'open',
      (path, flags: number) => ops.open(path, flags),
      fd => [fd],
      [0],
    ),
    create: make.value(
      'create',
      (path, mode: number) => ops.create(path, mode),
      fd => [fd],
      [0],
    ),
  }
}

/** Operations on C memory; read and write answer with another 0 before it. */
function dataHandlers(ops: Operations, make: Shapes): Record<string, Handler> {
  const data = (name: 'read' | 'write') =>
    make.memory(
      name,
      1,
      async (_path, fd: number, buffer: Buffer, length: number, low: number, high: number) =>
        checkCount(await ops[name](fd, buffer, join(low, high)), length),
      [0],
    )
  return { read: data('read'), write: data('write') }
}

function xattrHandlers(ops: Operations, make: Shapes): Record<string, Handler> {
  return {
    getxattr: make.memory('getxattr', 1, async (path, name: string, into: Buffer) =>
      isForeign(name) ? ENODATA : give(await ops.getxattr(path, name), into),
    ),
    setxattr: make.memory(
      'setxattr',
      1,
      async (path, name: string, value: Buffer, _position: number, flags: number) => {
        await ops.setxattr(path, name, Uint8Array.from(value), flags)
        return 0
      },
    ),
    listxattr: make.memory('listxattr', 0, async (path, into: Buffer) =>
      give(joinNames(await ops.listxattr(path)), into),
    ),
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
