/**
 * Loads fuse-native and reaches its compiled part. Kept behind a function: loading needs libfuse.so.2 and
 * takes about 0.1 s, which `pailfs --help` must not pay.
 */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type Fuse from 'fuse-native'
import { MountError } from '../link.ts'

/** The compiled part: numbers `op_<name>`, functions `fuse_native_signal_<name>`, mount and unmount. */
export type Binding = Readonly<Record<string, unknown>> & {
  fuse_native_unmount(mountPoint: string, thread: Buffer): void
}

export interface Native {
  readonly Fuse: typeof Fuse
  readonly binding: Binding
}

/** Rejects with a MountError that says what to install when the system's libfuse 2 is missing. */
export function loadNative(): Native {
  const require = createRequire(import.meta.url)
  try {
    const entry = require.resolve('fuse-native')
    const inside = createRequire(entry)
    const load = inside('node-gyp-build') as (folder: string) => Binding
    return { Fuse: require('fuse-native') as typeof Fuse, binding: load(dirname(entry)) }
  } catch (error) {
    throw explain(error)
  }
}

function explain(error: unknown): MountError {
  const text = error instanceof Error ? error.message : String(error)
  if (text.includes('libfuse')) {
    return new MountError(
      'libfuse.so.2 is not on this system',
      'Install libfuse 2: apt install libfuse2 (Debian, Ubuntu; libfuse2t64 on newer ones), dnf install fuse-libs (Fedora, RHEL)',
      error,
    )
  }
  return new MountError(
    `fuse-native cannot be loaded: ${text.split('\n')[0]}`,
    'fuse-native has a ready-made binary for Linux on x86-64 with glibc only; see native-setup.md',
    error,
  )
}
