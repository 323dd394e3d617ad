/**
 * Goes on with an upload that a daemon before us began: the parts that the server has are not sent again, if they have
 * the staged bytes. That is told by their ETags, where those are MD5 sums; where not, they are sent again.
 */
import { createHash } from 'node:crypto'
import type { UploadRecord } from '../core/state.ts'
import { PartUpload, type PartPorts, type SentPart } from './part-upload.ts'
import type { Staged } from './staged.ts'

/** Rejects with StoreError (`not-found`: it is gone) or FsError. Nothing is changed on the server. */
export async function takeUp(
  ports: PartPorts,
  staged: Staged,
  record: UploadRecord,
): Promise<PartUpload> {
  const { layout, stage } = staged
  const known: SentPart[] = []
  const last = layout.partOf(Math.max(0, stage.size - 1))
  for (const part of await ports.store.listParts(record)) {
    if (part.number > last) continue
    const { start, end } = layout.partRange(part.number, stage.size)
    if (end - start !== part.size) continue
    const revision = staged.partRevision(part.number)
    const same = await ports.bodies.run(part.size, async take => {
      const bytes = take(part.size)
      const got = await stage.read(bytes, start)
      if (got < bytes.byteLength) bytes.fill(0, got)
      return createHash('md5').update(bytes).digest('hex') === part.etag.replaceAll('"', '')
    })
    if (same) known.push({ revision, part })
  }
  const { key, id, meta = { user: {} } } = record
  return new PartUpload(ports, staged, { key, id }, { meta, known })
}
