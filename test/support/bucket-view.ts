/** What a bucket in memory holds, read past all caches and faults. */
import type { ObjectMeta } from '../../src/core/types.ts'
import type { MemoryStore } from '../../src/store/memory/memory-store.ts'

export interface BucketObject {
  readonly bytes: Uint8Array
  readonly meta: ObjectMeta
  readonly modified: number
}

/** Everything in the bucket, read past all caches and faults. */
export async function bucketOf(memory: MemoryStore): Promise<Map<string, BucketObject>> {
  const found = new Map<string, BucketObject>()
  let token: string | undefined
  do {
    const page = await memory.list({ prefix: '', ...(token === undefined ? {} : { token }) })
    for (const { key } of page.objects) found.set(key, await objectOf(memory, key))
    token = page.next
  } while (token !== undefined)
  return found
}

export async function objectOf(memory: MemoryStore, key: string): Promise<BucketObject> {
  const { size, meta, modified } = await memory.head(key)
  const bytes = new Uint8Array(size)
  let at = 0
  if (size > 0) {
    const sink = {
      begin: () => {},
      next: () => bytes.subarray(at),
      filled: (n: number) => void (at += n),
    }
    await memory.get(key, {}, sink)
  }
  return { bytes, meta, modified }
}
