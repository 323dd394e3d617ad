/** A file or directory of `MemoryFs`. */
import type { Ino, Nanoseconds } from '../../src/core/types.ts'
import type { Attr, FileKind } from '../../src/fs/api.ts'

export interface Node {
  readonly ino: Ino
  readonly kind: FileKind
  rdev: number
  perm: number
  uid: number
  gid: number
  nlink: number
  mtime: Nanoseconds
  ctime: Nanoseconds
  atime: Nanoseconds
  data: Buffer
  size: number
  generation: number
  readonly target: string
  readonly children: Map<string, Node>
  readonly xattr: Map<string, Uint8Array>
}

export function attrOf(node: Node): Attr {
  const { ino, kind, perm, uid, gid, rdev, size, nlink, mtime, ctime, atime } = node
  return { ino, kind, perm, uid, gid, rdev, size, nlink, mtime, ctime, atime }
}

export function resize(node: Node, size: number): void {
  if (size > node.data.length) {
    const larger = Buffer.alloc(Math.max(size, node.data.length * 2))
    node.data.copy(larger)
    node.data = larger
  } else if (size < node.size) {
    node.data.fill(0, size, node.size)
  }
  node.size = size
  node.mtime = node.ctime = now()
}

export function now(): Nanoseconds {
  return BigInt(Date.now()) * 1_000_000n
}
