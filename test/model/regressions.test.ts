/** What the model and the simulator found, each cut down to its script, by the name of what went wrong. */
import t from 'tap'
import type { CoreOptions } from '../support/core.ts'
import type { Op, OpenMode } from '../support/file-ops.ts'
import { compare } from './compare.ts'

const SLOW: CoreOptions = { faults: { delay: [100, 300] } }

function open(slot: number, path: string, mode: Partial<OpenMode> = {}): Op {
  const usual = { access: 'rw', create: true, exclusive: false, truncate: false, append: false }
  return { op: 'open', slot, path, mode: { ...usual, ...mode } as OpenMode, perm: 0o644 }
}
const write = (slot: number, offset: number, size: number): Op => {
  return { op: 'write', slot, offset, size, fill: offset + size }
}
const mkdir = (path: string): Op => ({ op: 'mkdir', path, perm: 0o755 })
const rename = (path: string, to: string): Op => ({ op: 'rename', path, to })
const wait = (span: number): Op => ({ op: 'wait', span })
const close = (slot: number): Op => ({ op: 'close', slot })
const symlink = (path: string, target: string): Op => ({ op: 'symlink', path, target })
const read = (slot: number, offset: number): Op => ({ op: 'read', slot, offset, size: 300 })
const unlink = (path: string): Op => ({ op: 'unlink', path })
/** A file that is open and in the bucket, and not in memory, since it went there in parts. */
const LARGE: readonly Op[] = [open(1, 'a'), write(1, 0, 1500), { op: 'fsync', slot: 1 }]
const stat = (path: string): Op => ({ op: 'stat', path })

const SCRIPTS: Readonly<Record<string, readonly [CoreOptions, readonly Op[]]>> = {
  'a file that was sent ahead is removed: its upload is aborted': [
    {},
    [
      open(0, 'b'),
      write(0, 256, 1000),
      { op: 'unlink', path: 'b' },
      { op: 'read', slot: 0, offset: 0, size: 9 },
    ],
  ],
  'a file is renamed while its upload begins': [
    SLOW,
    [open(0, 'a'), write(0, 464, 1000), rename('a', 'c')],
  ],
  'a file is renamed while its upload runs': [
    SLOW,
    [
      open(0, 'a'),
      close(0),
      { op: 'truncate', path: 'a', size: 1500 },
      wait(1100),
      rename('a', 'b'),
    ],
  ],
  'one that was sent ahead is renamed over another': [
    {},
    [
      open(3, 'b', { exclusive: true }),
      open(0, 'c'),
      write(3, 0, 1000),
      { op: 'ftruncate', slot: 0, size: 1500 },
      write(0, 700, 10),
      rename('b', 'c'),
      { op: 'fsync', slot: 3 },
      write(3, 513, 255),
    ],
  ],
  'the time of a truncate without a handle': [
    { rest: 0, fs: { closeWaits: true } },
    [open(1, 'a'), wait(100), close(1), { op: 'truncate', path: 'a', size: 115 }],
  ],
  'a renamed directory is not found by its old name': [
    { fs: { metadataTtl: 0 } },
    [mkdir('d'), rename('d', 'a'), wait(1100), rename('a', 'c'), stat('a'), stat('c')],
  ],
  'a symlink in place of a directory that is not all deleted yet': [
    {},
    [
      open(0, 'c'),
      close(0),
      mkdir('d'),
      rename('c', 'd/c'),
      wait(5000),
      open(2, 'd/c'),
      rename('d', 'a'),
      symlink('d', 'x'),
      wait(400_000),
      { op: 'readdir', path: 'd' },
    ],
  ],
  'two symlinks change names': [
    {},
    [
      symlink('b', 'x'),
      symlink('a', 'y'),
      wait(70_000),
      rename('a', 'c'),
      rename('b', 'a'),
      rename('c', 'b'),
    ],
  ],
  'two files change names and are read meanwhile': [
    SLOW,
    [
      open(0, 'a'),
      write(0, 0, 100),
      close(0),
      open(1, 'b'),
      write(1, 0, 200),
      close(1),
      wait(5000),
      rename('a', 'c'),
      rename('b', 'a'),
      rename('c', 'b'),
      open(0, 'a'),
      open(1, 'b'),
      { op: 'read', slot: 0, offset: 0, size: 300 } as const,
      wait(1500),
      { op: 'read', slot: 1, offset: 0, size: 300 } as const,
      wait(700),
      { op: 'read', slot: 0, offset: 50, size: 300 } as const,
    ],
  ],
  'another file takes the name of one that is on its way': [
    SLOW,
    [
      open(0, 'a'),
      write(0, 0, 100),
      close(0),
      open(1, 'b'),
      write(1, 0, 200),
      close(1),
      wait(1050),
      rename('a', 'c'),
      rename('b', 'a'),
    ],
  ],
  'a file that is removed while it is open for reading is read on': [
    {},
    [
      open(0, 'a'),
      write(0, 0, 1500),
      close(0),
      wait(5000),
      open(1, 'a', { access: 'r', create: false }),
      { op: 'unlink', path: 'a' },
      wait(400_000),
      { op: 'read', slot: 1, offset: 0, size: 300 },
      close(1),
    ],
  ],
  'a file that is open is read on when another is renamed over it': [
    {},
    [...LARGE, open(2, 'b'), close(2), rename('b', 'a'), wait(5000), read(1, 1000)],
  ],
  'a file that is open and was removed is read on when its name is made anew': [
    {},
    [
      ...LARGE,
      unlink('a'),
      open(2, 'a'),
      write(2, 0, 900),
      close(2),
      wait(5000),
      read(1, 1000),
      write(1, 300, 2),
      { op: 'fsync', slot: 1 },
      read(1, 200),
    ],
  ],
  'a file that is open is removed under a name that the bucket does not have yet': [
    {},
    [...LARGE, rename('a', 'b'), unlink('b'), wait(5000), read(1, 1000)],
  ],
  'a file that is open is removed while its change is sent, and its name made anew': [
    SLOW,
    [
      ...LARGE,
      write(1, 0, 10),
      open(2, 'a', { access: 'r' }),
      close(1),
      wait(1300),
      unlink('a'),
      wait(1500),
      read(2, 700),
      open(1, 'a'),
      write(1, 0, 70),
      close(1),
      wait(5000),
      read(2, 1000),
    ],
  ],
  'of two files that were removed under one name, one is closed': [
    {},
    [
      ...LARGE,
      unlink('a'),
      open(2, 'a'),
      write(2, 0, 1700),
      { op: 'fsync', slot: 2 },
      unlink('a'),
      close(1),
      wait(5000),
      read(2, 1300),
    ],
  ],
  'a directory is renamed while its markers are on their way': [
    SLOW,
    [
      mkdir('d'),
      mkdir('a'),
      mkdir('d/b'),
      wait(1100),
      rename('d', 'a/b'),
      wait(50),
      rename('a/b', 'e'),
    ],
  ],
}

for (const [name, [options, ops]] of Object.entries(SCRIPTS)) {
  t.test(name, async () => compare(ops, options))
}
