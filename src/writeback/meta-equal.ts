/** Whether two objects' metadata are the same in all that a write sends. */
import type { ObjectMeta } from '../core/types.ts'

export function sameMeta(a: ObjectMeta, b: ObjectMeta): boolean {
  return flat(a) === flat(b)
}

function flat({ user, ...headers }: ObjectMeta): string {
  return JSON.stringify([sorted(headers), sorted(user)])
}

function sorted(record: object): unknown[] {
  return Object.entries(record)
    .filter(([, value]) => value !== undefined)
    .sort(([x], [y]) => (x < y ? -1 : 1))
}
