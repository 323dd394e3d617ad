/** Fetches a stored version into a staged file, so that names which wait for each other in a circle can go on. */
import { StoreError } from '../core/errors.ts'
import type { Desired } from '../core/state.ts'
import type { ExecutorPorts } from './executor.ts'

const STEP = 1024 * 1024

/** The same desired state with bytes of its own; the caller releases the staged file's first use. Rejects with StoreError or FsError. */
export async function materialise(
  { staged, reader, store }: ExecutorPorts,
  desired: Desired,
): Promise<Desired> {
  if (desired.is !== 'present' || desired.content.from === 'inline') return desired
  if (desired.content.from === 'stage') {
    const { base, stage: id } = desired.content
    if (!base) return desired
    const file = staged.use(id)
    try {
      await file.lock.run(() => copyIn(base.size))
    } catch (error) {
      staged.release(id)
      throw error
    }
    return { ...desired, content: { from: 'stage', stage: id } }
    async function copyIn(size: number): Promise<void> {
      for (let at = 0; at < Math.min(size, file.stage.baseLimit); at += STEP) {
        const bytes = new Uint8Array(Math.min(STEP, file.stage.baseLimit - at))
        await reader.read(base!, at, bytes, undefined)
        // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- a stage's, no array's
        await file.stage.fill(bytes, at)
      }
    }
  }
  const { source } = desired.content
  // Without metadata of its own it keeps the source's, which goes with the source.
  const { meta, etag } = desired.meta
    ? { meta: desired.meta, etag: source.etag }
    : await store.head(source.key)
  if (etag !== source.etag) {
    const details = { operation: 'HeadObject', key: source.key }
    throw new StoreError('changed', `${source.key} was written elsewhere`, details)
  }
  const file = staged.create()
  try {
    for (let at = 0; at < source.size; at += STEP) {
      const bytes = new Uint8Array(Math.min(STEP, source.size - at))
      await reader.read(source, at, bytes, undefined)
      await file.stage.write(bytes, at)
    }
  } catch (error) {
    staged.release(file.id)
    throw error
  }
  return { ...desired, meta, content: { from: 'stage', stage: file.id } }
}
