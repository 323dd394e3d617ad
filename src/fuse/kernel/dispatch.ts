/** From a request's number to its handler, and the requests that are about the connection itself. */
import type { Log } from '../../core/ports.ts'
import { errnoNumber } from '../errno.ts'
import { attributeHandlers, xattrHandlers } from './attribute-handlers.ts'
import type { Call } from './call.ts'
import { directoryHandlers } from './directory-handlers.ts'
import { fileHandlers } from './file-handlers.ts'
import { nameHandlers } from './name-handlers.ts'
import { OP, read64 } from './protocol.ts'
import type { Handler, Session } from './session.ts'

/** Handlers that are numbered by opcode; what is not there is ENOSYS, which the kernel remembers. */
export type Table = Readonly<Record<number, Handler>>

export function handlerTable(options: { readonly xattr: boolean }): Table {
  return {
    ...connectionHandlers,
    ...nameHandlers,
    ...attributeHandlers,
    ...directoryHandlers,
    ...fileHandlers,
    ...(options.xattr ? xattrHandlers : {}),
  }
}

/** Answers a request now or later. True: its buffer is kept. */
export function dispatch(table: Table, session: Session, call: Call, log: Log): boolean {
  const handler = table[call.opcode]
  try {
    if (handler !== undefined) return handler(session, call) === true
    session.replies.error(call.unique, errnoNumber('ENOSYS'))
  } catch (error) {
    // A request that cannot be taken apart: a mistake of ours.
    log.error('a request of the kernel is not understood', { opcode: call.opcode, cause: error })
    session.replies.error(call.unique, errnoNumber('EIO'))
  }
  return false
}

/** None of these but `destroy` has an answer. */
const connectionHandlers: Table = {
  [OP.forget](session, call) {
    forget(session, call.ino, call.u64(0))
  },

  /** `struct fuse_batch_forget_in`: count, dummy; then pairs of nodeid and nlookup. */
  [OP.batchForget](session, call) {
    const count = call.u32(0)
    for (let at = 8; at < 8 + count * 16; at += 16) {
      forget(session, read64(call.body, at), read64(call.body, at + 8))
    }
  },

  [OP.interrupt](session, call) {
    session.interrupt(call.u64(0))
  },

  [OP.destroy](session, call) {
    session.replies.ok(call.unique)
  },
}

function forget(session: Session, ino: number, count: number): void {
  if (session.places.forgotten(ino, count)) session.handles.forget(ino)
}
