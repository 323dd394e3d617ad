/** Which of the two kernel links a mount uses. */
import type { KernelLink, LinkParts } from '../fuse/link.ts'
import { DirectLink } from '../fuse/kernel/link.ts'
import { whyNot } from '../fuse/kernel/mount-call.ts'
import { NativeLink } from '../fuse/native/link.ts'
import type { FuseKind } from './config.ts'

/** `auto` is `direct` wherever it can be: libfuse 2 loses times and owners. `direct` where it cannot be refuses to mount. */
export function chooseLink(kind: FuseKind, parts: LinkParts): KernelLink {
  if (kind === 'native') return new NativeLink(parts)
  return kind === 'direct' || whyNot() === undefined ? new DirectLink(parts) : new NativeLink(parts)
}
