/**
 * The option string for libfuse 2. Built from known options only: with one that libfuse or the kernel does
 * not know, the mount fails after the kernel has it, and `nopath` ends the process.
 */
import type { LinkOptions } from '../link.ts'
import { MountError } from '../link.ts'

/** fuse-native copies the string and the mount point into 1,024 bytes each. */
const MAX_BYTES = 1023

/** Throws MountError where it does not fit. */
export function optionString(options: LinkOptions): string {
  const list = [
    'big_writes',
    'atomic_o_trunc',
    'default_permissions',
    'use_ino',
    `max_background=${options.maxBackground}`,
    `congestion_threshold=${Math.max(1, Math.floor((options.maxBackground * 3) / 4))}`,
    // Pages stay over an open if a question asked at the open shows the same time and size.
    'auto_cache',
    'ac_attr_timeout=0',
    `attr_timeout=${seconds(options.attrTimeout)}`,
    `entry_timeout=${seconds(options.entryTimeout)}`,
    'subtype=pailfs',
    ...(options.allowOther ? ['allow_other'] : []),
    ...(options.nonEmpty ? ['nonempty'] : []),
    ...(options.readOnly ? ['ro'] : []),
    ...options.flags,
    `fsname=${escape(options.source)}`,
  ]
  const text = `-o${list.join(',')}`
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw new MountError('the bucket and prefix are too long for a mount', 'Mount a shorter prefix')
  }
  if (Buffer.byteLength(options.mountPoint) > MAX_BYTES) {
    throw new MountError('the path of the mount point is too long', 'Mount on a shorter path')
  }
  return text
}

function seconds(milliseconds: number): string {
  return String(milliseconds / 1000)
}

/** Commas end an option and backslashes escape, so both are escaped; control characters would spoil mtab. */
function escape(source: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return source.replaceAll(/[\u0000-\u001f]/g, '?').replaceAll(/[\\,]/g, '\\$&')
}
