/** Exit codes: part of the command line's contract (docs), so they never change their meaning. */
export const EXIT = {
  ok: 0,
  /** Something failed that has no code of its own. */
  failure: 1,
  /** The command line was wrong; nothing was done. */
  usage: 2,
  /** Nothing of ours is mounted there. */
  notMounted: 3,
  /** The kernel or this machine does not allow the mount. */
  mount: 4,
  /** The bucket could not be reached, or refused. */
  store: 5,
  /** The mount is in use. */
  busy: 6,
  /** Changes are not in the bucket (yet); they are in the journal. */
  pending: 7,
} as const

export type Exit = (typeof EXIT)[keyof typeof EXIT]

/** mount(8) wants these of a helper: its usage code and its failure code. */
export function forMountHelper(exit: number): number {
  if (exit === EXIT.ok) return 0
  return exit === EXIT.usage ? 1 : 32
}
