/**
 * The conformance suite of `ObjectStore`: what every adapter must do, run on memory, S3 and Swift alike.
 * All keys are below a prefix of the run, so a shared bucket is fine; nothing is asked about the vendor,
 * what may be missing is skipped by `features`.
 */
import type { Test } from 'tap'
import type { ObjectStore } from '../../src/store/store.ts'
import { extras } from './extras.ts'
import { listing } from './listing.ts'
import { objects } from './objects.ts'
import type { Group } from './support.ts'
import { listAll } from './support.ts'
import { uploads } from './uploads.ts'
import { writes } from './writes.ts'

const GROUPS: Readonly<Record<string, Group>> = { objects, writes, listing, uploads, extras }

/** Runs the whole contract as subtests of `t`. `open` is called once; its store is emptied and closed at the end. */
export async function storeConformance(
  t: Test,
  name: string,
  open: () => Promise<ObjectStore>,
): Promise<void> {
  await t.test(name, async t => {
    const store = await open()
    const run = `c${process.pid}-${Date.now().toString(36)}`
    t.teardown(async () => {
      const left = await listAll(store, run)
      const batch = store.features.deleteBatch
      for (let at = 0; at < left.length; at += batch) {
        await store.deleteMany(left.slice(at, at + batch).map(object => object.key))
      }
      store.close()
    })
    for (const [group, test] of Object.entries(GROUPS)) {
      await t.test(group, t => test(t, store, `${run}/${group}/`))
    }
  })
}
