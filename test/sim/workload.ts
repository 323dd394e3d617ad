/**
 * What the programs of a simulated life do, by chance. `mixed` tries everything on few names (support/file-ops.ts);
 * `large` works mostly on files that are there and go to the bucket in parts: small changes of them, renames of them
 * and of their directories, removals and new files of the same name, with waits so short that requests are under way.
 */
import type { Random } from '../../src/core/ports.ts'
import { randomOp, type Op, type OpenMode } from '../support/file-ops.ts'
import type { ReferenceModel } from '../support/reference-model.ts'

export type Workload = 'mixed' | 'large'

/** What comes next; a program that has begun goes on. */
export class Programs {
  readonly #workload: Workload
  readonly #random: Random
  #begun: Op[] = []

  constructor(workload: Workload, random: Random) {
    this.#workload = workload
    this.#random = random
  }

  next(model: ReferenceModel): Op {
    if (this.#workload === 'mixed') return randomOp(this.#random)
    const choice = choiceOf(this.#random, model)
    const op = this.#begun.shift()
    if (op) return op
    if (choice.int(8) > 0) return choice.choose(TABLE)(choice)
    this.#begun = changeAndMove(choice)
    return this.#begun.shift()!
  }
}

const SLOTS = 3
const NAMES = ['a', '.a.Xy12Zq', 'b']
const DIRS = ['d', 'e', 'd/e']
/** The core rests for 1000 ms and a request takes up to 400: most of these end while something is sent. */
const SPANS = [50, 200, 400, 900, 1050, 1200, 1500, 2000, 3000, 8000]

const NEW: OpenMode = {
  create: true,
  exclusive: false,
  truncate: true,
  append: false,
  access: 'rw',
}
const OLD: OpenMode = { ...NEW, create: false, truncate: false }

interface Choice {
  readonly int: (below: number) => number
  readonly choose: <T>(all: readonly T[]) => T
  readonly files: readonly string[]
  readonly dirs: readonly string[]
  readonly slot: number
}

function choiceOf(random: Random, model: ReferenceModel): Choice {
  const int = (below: number) => Math.floor(random() * below)
  const entries = [...model.all()]
  const paths = (kind: string) => entries.filter(([, e]) => e.kind === kind).map(([path]) => path)
  return {
    int,
    choose: all => all[int(all.length)]!,
    files: paths('file'),
    dirs: paths('directory'),
    slot: int(SLOTS),
  }
}

/** A file is changed a little, and while that is sent it gets another name, or goes and comes anew. */
function changeAndMove(choice: Choice): Op[] {
  const { choose, int, slot } = choice
  const path = oldPath(choice)
  const dir = path.slice(0, Math.max(0, path.lastIndexOf('/')))
  const then: Op[] = choose<Op[]>([
    [{ op: 'rename', path, to: newPath(choice) }],
    [{ op: 'rename', path: dir === '' ? path : dir, to: choose(DIRS) }],
    [
      { op: 'unlink', path },
      { op: 'open', slot, path, mode: NEW, perm: 0o644 },
      { op: 'write', slot, offset: 0, size: 1 + size(choice), fill: int(100) },
    ],
  ])
  return [
    { op: 'open', slot, path, mode: OLD, perm: 0o644 },
    { op: 'write', slot, offset: offset(choice), size: 1 + int(40), fill: int(100) },
    { op: 'close', slot },
    { op: 'wait', span: 950 + int(900) },
    ...then,
  ]
}

function newPath({ choose, int, dirs }: Choice): string {
  const dir = int(2) === 0 || dirs.length === 0 ? '' : `${choose(dirs)}/`
  return dir + choose(NAMES)
}

function oldPath(choice: Choice): string {
  return choice.files.length === 0 || choice.int(10) === 0
    ? newPath(choice)
    : choice.choose(choice.files)
}

function offset({ choose, int }: Choice): number {
  return choose([0, 0, 255, 256, 300, 512, 700, 1000, int(2500)])
}

/** Of files so large that they go in parts, or of few bytes. */
function size({ choose, int }: Choice): number {
  return choose([1, 7, 64, 65, 200, 600, 1000, 1500, 2000 + int(800)])
}

const MAKERS: readonly (readonly [weight: number, make: (choice: Choice) => Op])[] = [
  [5, c => ({ op: 'open', slot: c.slot, path: newPath(c), mode: NEW, perm: 0o644 })],
  [7, c => ({ op: 'open', slot: c.slot, path: oldPath(c), mode: OLD, perm: 0o644 })],
  [
    18,
    c => ({ op: 'write', slot: c.slot, offset: offset(c), size: 1 + size(c), fill: c.int(100) }),
  ],
  [2, c => ({ op: 'ftruncate', slot: c.slot, size: size(c) })],
  [3, c => ({ op: 'fsync', slot: c.slot })],
  [9, c => ({ op: 'close', slot: c.slot })],
  [2, c => ({ op: 'read', slot: c.slot, offset: offset(c), size: 100 })],
  [2, c => ({ op: 'truncate', path: oldPath(c), size: size(c) })],
  [2, c => ({ op: 'chmod', path: oldPath(c), perm: c.choose([0o644, 0o600]) })],
  [4, c => ({ op: 'unlink', path: oldPath(c) })],
  [2, c => ({ op: 'mkdir', path: c.choose(DIRS), perm: 0o755 })],
  [8, c => ({ op: 'rename', path: oldPath(c), to: c.int(4) === 0 ? oldPath(c) : newPath(c) })],
  [
    5,
    c => ({
      op: 'rename',
      path: c.dirs.length === 0 ? c.choose(DIRS) : c.choose(c.dirs),
      to: c.choose(DIRS),
    }),
  ],
  [16, c => ({ op: 'wait', span: c.choose(SPANS) })],
]

const TABLE = MAKERS.flatMap(([weight, make]) => Array.from({ length: weight }, () => make))
