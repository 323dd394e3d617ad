/**
 * File operations as plain data: made by chance, run by a driver (a core, a mount, a model), printed as a script.
 * Files are opened in slots, as a program's variables are; paths come from a small pool, so that they collide.
 */
import fc from 'fast-check'
import type { Random } from '../../src/core/ports.ts'

export interface OpenMode {
  readonly create: boolean
  readonly exclusive: boolean
  readonly truncate: boolean
  readonly append: boolean
  readonly access: 'r' | 'w' | 'rw'
}

export type Op =
  | {
      readonly op: 'open'
      readonly slot: number
      readonly path: string
      readonly mode: OpenMode
      readonly perm: number
    }
  | {
      readonly op: 'write'
      readonly slot: number
      readonly offset: number
      readonly size: number
      readonly fill: number
    }
  | { readonly op: 'read'; readonly slot: number; readonly offset: number; readonly size: number }
  | { readonly op: 'ftruncate'; readonly slot: number; readonly size: number }
  | { readonly op: 'fstat' | 'fsync' | 'close'; readonly slot: number }
  | { readonly op: 'truncate'; readonly path: string; readonly size: number }
  | { readonly op: 'mkdir' | 'chmod'; readonly path: string; readonly perm: number }
  | {
      readonly op: 'rmdir' | 'unlink' | 'readlink' | 'stat' | 'readdir' | 'listxattr'
      readonly path: string
    }
  | { readonly op: 'rename'; readonly path: string; readonly to: string }
  | { readonly op: 'symlink'; readonly path: string; readonly target: string }
  | { readonly op: 'chown'; readonly path: string; readonly uid: number; readonly gid: number }
  | { readonly op: 'utimens'; readonly path: string; readonly mtime: bigint }
  | {
      readonly op: 'setxattr'
      readonly path: string
      readonly name: string
      readonly value: string
    }
  | { readonly op: 'getxattr' | 'removexattr'; readonly path: string; readonly name: string }
  | { readonly op: 'wait'; readonly span: number }

export interface Stat {
  readonly kind: string
  readonly perm: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: bigint
}

/** What a program sees of an operation. */
export type Outcome = { readonly errno: string } | { readonly value: unknown }

export interface Driver {
  apply(op: Op): Promise<Outcome>
}

/** The bytes that a write writes. */
export function filling({ size, fill }: { size: number; fill: number }): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (fill * 37 + at * 7 + (at >> 8)) & 0xff)
}

export function script(ops: readonly Op[]): string {
  return ops
    .map(op =>
      JSON.stringify(op, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
    )
    .join('\n')
}

const SLOTS = 3
/** The second looks like rsync's temporary for the first. */
const NAMES = ['a', '.a.Xy12Zq', 'b', 'c.txt']
const XATTRS = ['user.one', 'user.Two', 'user.größe']
const VALUES = ['1', 'some words', 'ümlaut', '', 'x'.repeat(60), 'two\nlines']

type Choose = <T>(all: readonly T[]) => T

/** One operation by chance. */
export function randomOp(random: Random): Op {
  const int = (below: number) => Math.floor(random() * below)
  const choose: Choose = all => all[int(all.length)]!
  const path = () => {
    const depth = choose([1, 1, 1, 1, 2, 2, 2, 3])
    return Array.from({ length: depth }, () => choose(NAMES)).join('/')
  }
  const slot = int(SLOTS)
  const size = () => choose([0, 1, 10, 63, 64, 255, 256, 300, 512, 513, 700, 1000, 1500, int(2000)])
  const make = choose(TABLE)
  return make({ int, choose, path, slot, size })
}

interface Source {
  readonly int: (below: number) => number
  readonly choose: Choose
  readonly path: () => string
  readonly slot: number
  readonly size: () => number
}

const PERMS = [0o644, 0o600, 0o755, 0o4711]

function modeOf({ choose, int }: Source): OpenMode {
  const access = choose(['r', 'w', 'rw', 'rw'] as const)
  const writes = access !== 'r'
  const create = writes && int(4) > 0
  return {
    access,
    create,
    exclusive: create && int(5) === 0,
    truncate: writes && int(3) === 0,
    append: writes && int(5) === 0,
  }
}

const MAKERS: readonly (readonly [weight: number, make: (source: Source) => Op])[] = [
  [10, s => ({ op: 'open', slot: s.slot, path: s.path(), mode: modeOf(s), perm: s.choose(PERMS) })],
  [
    14,
    s => ({
      op: 'write',
      slot: s.slot,
      offset: s.size(),
      size: Math.max(1, s.size()),
      fill: s.int(100),
    }),
  ],
  [6, s => ({ op: 'read', slot: s.slot, offset: s.size(), size: Math.max(1, s.size()) })],
  [3, s => ({ op: 'ftruncate', slot: s.slot, size: s.size() })],
  [1, s => ({ op: 'fstat', slot: s.slot })],
  [2, s => ({ op: 'fsync', slot: s.slot })],
  [6, s => ({ op: 'close', slot: s.slot })],
  [2, s => ({ op: 'truncate', path: s.path(), size: s.size() })],
  [6, s => ({ op: 'mkdir', path: s.path(), perm: s.choose([0o755, 0o700]) })],
  [1, s => ({ op: 'chmod', path: s.path(), perm: s.choose(PERMS) })],
  [2, s => ({ op: 'rmdir', path: s.path() })],
  [3, s => ({ op: 'unlink', path: s.path() })],
  [1, s => ({ op: 'readlink', path: s.path() })],
  [3, s => ({ op: 'stat', path: s.path() })],
  [2, s => ({ op: 'readdir', path: s.choose(['', s.path()]) })],
  [8, s => ({ op: 'rename', path: s.path(), to: s.path() })],
  [1, s => ({ op: 'symlink', path: s.path(), target: s.choose(['a', '../b', 'ü/x']) })],
  [1, s => ({ op: 'chown', path: s.path(), uid: s.int(3) + 1000, gid: s.int(3) + 1000 })],
  [
    2,
    s => ({
      op: 'utimens',
      path: s.path(),
      mtime: BigInt(s.int(1e9)) * 1_000_000_000n + BigInt(s.int(1e9)),
    }),
  ],
  [2, s => ({ op: 'setxattr', path: s.path(), name: s.choose(XATTRS), value: s.choose(VALUES) })],
  [1, s => ({ op: 'getxattr', path: s.path(), name: s.choose(XATTRS) })],
  [1, s => ({ op: 'removexattr', path: s.path(), name: s.choose(XATTRS) })],
  [1, s => ({ op: 'listxattr', path: s.path() })],
  [5, s => ({ op: 'wait', span: s.choose([1, 100, 1100, 5000, 70_000, 400_000]) })],
]

const TABLE = MAKERS.flatMap(([weight, make]) => Array.from({ length: weight }, () => make))

/** Sequences for fast-check: what fails is cut down to a short script. */
export function opSequences(most: number): fc.Arbitrary<Op[]> {
  const one = fc.noShrink(
    fc.noBias(fc.nat({ max: 0x7fffffff })).map(seed => randomOp(chanceOf(seed))),
  )
  return fc.array(one, { minLength: 1, maxLength: most, size: 'max' })
}

function chanceOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}
