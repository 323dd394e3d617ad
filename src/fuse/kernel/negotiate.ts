/**
 * INIT: the kernel offers a version and abilities, we choose.
 *
 * Chosen: reads side by side, O_TRUNC as part of open, look-ups side by side in one directory, requests of
 * up to 1 MiB, taking setuid off ourselves, which spares a question before each write, and listings that
 * carry the attributes that are known.
 * Not chosen: that the kernel guesses when a program wants attributes (READDIRPLUS_AUTO: it guesses late, and
 * those that are not wanted cost little), automatic invalidation (it asks for attributes before each read, and drops what we wrote
 * ourselves; opens decide instead, see `handles.ts`), the write-back cache (an acknowledged write would not
 * be in the journal), remote locks (the kernel keeps them itself).
 */
import type { LinkOptions } from '../link.ts'
import type { Call } from './call.ts'
import { INIT, LEAST_MINOR, MAJOR, MAX_IO, MAX_PAGES, MINOR, OLD_MAX_IO } from './protocol.ts'
import type { Agreement } from './replies.ts'

const WANTED =
  INIT.asyncRead |
  INIT.atomicTruncate |
  INIT.bigWrites |
  INIT.asyncDirect |
  INIT.parallelDirectories |
  INIT.maxPages |
  INIT.killPrivileges

/**
 * `struct fuse_init_in`: major, minor, max_readahead, flags. The string: why there can be no agreement. With
 * a kernel of a later major version the answer names ours, and the kernel asks again (`again`).
 */
export function negotiate(
  call: Call,
  { maxBackground, entryTimeout }: Pick<LinkOptions, 'maxBackground' | 'entryTimeout'>,
): { agreed: Agreement; again: boolean } | string {
  const major = call.u32(0)
  const minor = call.u32(4)
  if (major < MAJOR || (major === MAJOR && minor < LEAST_MINOR)) {
    return `the kernel speaks version ${major}.${minor} of FUSE, at least ${MAJOR}.${LEAST_MINOR} is needed`
  }
  const again = major > MAJOR
  // Attributes that the kernel may not keep are not worth their way.
  const wanted = entryTimeout > 0 ? WANTED | INIT.readdirplus : WANTED
  const flags = again ? 0 : call.u32(12) & wanted
  const large = (flags & INIT.maxPages) !== 0
  const agreed = {
    major: MAJOR,
    minor: again ? MINOR : Math.min(minor, MINOR),
    flags,
    maxReadahead: again ? 0 : call.u32(8),
    maxBackground,
    maxWrite: large ? MAX_IO : OLD_MAX_IO,
    maxPages: large ? MAX_PAGES : 0,
  }
  return { agreed, again }
}
