/** Which of the two kernel links a mount uses. */
import type { KernelLink, LinkParts } from '../fuse/link.ts'
import { DirectLink } from '../fuse/kernel/link.ts'
import { whyNot } from '../fuse/kernel/mount-call.ts'
import { NativeLink } from '../fuse/native/link.ts'
import type { FuseKind } from './config.ts'

/**
 * `auto` is `direct` wherever it can be: libfuse 2 loses times and owners. `direct` where it cannot be is `native`,
 * with a line in the log.
 */
export function chooseLink(kind: FuseKind, parts: LinkParts): KernelLink {
  if (kind === 'native') return new NativeLink(parts)
  const reason = whyNot()
  if (reason === undefined) return new DirectLink(parts)
  if (kind === 'direct') parts.log.warn('the kernel is spoken to through libfuse', { reason })
  return new NativeLink(parts)
}
