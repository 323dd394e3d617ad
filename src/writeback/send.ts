/**
 * Sending a staged file: small ones in one PUT, new large ones in parts (most of them ahead of time), changed large
 * ones as parts of which only the changed bytes travel.
 */
import { StoreError } from '../core/errors.ts'
import { partLayout, planParts, type PlannedPart } from '../core/parts.ts'
import { finalName } from '../core/temp-name.ts'
import type { Bytes, Key, ObjectMeta } from '../core/types.ts'
import type { ObjectReader } from '../store/reader.ts'
import type { Part, PutOptions, Stored, Upload } from '../store/store.ts'
import { PartUpload, type PartPorts } from './part-upload.ts'
import type { Staged } from './staged.ts'
import { readStaged } from './staged-read.ts'
import type { UploadRecords } from './upload-records.ts'

export interface SendPorts extends PartPorts {
  readonly reader: ObjectReader
  /** Wanted size of a part in bytes. */
  readonly partSize: Bytes
  /** Told of every upload, so that none is left on the server. */
  readonly uploads: Pick<UploadRecords, 'beginning' | 'began' | 'ended'>
}

export interface SendRequest {
  readonly key: Key
  readonly staged: Staged
  readonly options: PutOptions
  /** Keep writers out until it is sent: somebody waits for it while it is open. */
  readonly exclusive: boolean
}

export interface Sent {
  readonly stored: Stored
  /** The stage's revision that was sent. */
  readonly revision: number
  /** The metadata that the object has, where it is not what was asked for now. */
  readonly meta?: ObjectMeta
  /** The upload that was completed. */
  readonly upload?: string
}

/** Thrown when the file was written to while it was sent: what was sent is no version of it. Not a failure. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken'
}

/** Largest object that goes in one PUT. */
export function singlePutLimit(ports: SendPorts): Bytes {
  return Math.min(2 * ports.partSize, ports.store.limits.maxPut)
}

/** Rejects with StoreError, FsError (the local disk) or Overtaken. */
export async function sendStaged(ports: SendPorts, request: SendRequest): Promise<Sent> {
  const { staged } = request
  if (staged.stage.size <= singlePutLimit(ports)) return sendWhole(ports, request)
  const send = () => (staged.stage.base ? sendChanged(ports, request) : sendParts(ports, request))
  return request.exclusive ? staged.lock.run(send) : send()
}

async function sendWhole(ports: SendPorts, { key, staged, options }: SendRequest): Promise<Sent> {
  const { store, reader, bodies } = ports
  void staged.upload?.stop()
  staged.upload = undefined
  return bodies.run(staged.stage.size, async take => {
    const { body, revision } = await staged.lock.run(async () => {
      const whole = take(staged.stage.size)
      await readStaged(staged.stage, reader, 0, whole)
      return { body: whole, revision: staged.stage.revision }
    })
    const stored = await store.put(key, body, options)
    if (body.byteLength > 0) {
      reader.adopt({ key, etag: stored.etag, size: body.byteLength }, 0, body)
    }
    return { stored, revision }
  })
}

/** Begins the upload of a file that is still being written, if it is large enough and has none yet. */
export async function beginParts(
  ports: SendPorts,
  key: Key,
  staged: Staged,
  options: PutOptions,
): Promise<PartUpload> {
  if (staged.upload && staged.upload.upload.key === key) return staged.upload
  void staged.upload?.stop()
  staged.upload = undefined
  staged.beginning = options.meta
  try {
    const upload = await create(ports, key, staged, options)
    staged.upload = new PartUpload(ports, staged, upload, options)
    return staged.upload
  } finally {
    staged.beginning = undefined
  }
}

async function create(
  { store, uploads }: SendPorts,
  key: Key,
  staged: Staged,
  options: PutOptions,
): Promise<Upload> {
  let upload: Upload | undefined
  try {
    await uploads.beginning(key, staged)
    upload = await store.createUpload(key, options)
  } finally {
    uploads.began(staged, upload, options.meta)
  }
  return upload
}

async function sendParts(ports: SendPorts, request: SendRequest): Promise<Sent> {
  const { key, staged, options } = request
  const parts = await beginParts(ports, key, staged, options)
  const { revision } = staged.stage
  try {
    const list = await parts.finish()
    if (staged.stage.revision !== revision) throw new Overtaken()
    const stored = await ports.store.completeUpload(parts.upload, list, options)
    staged.upload = undefined
    // Swift takes the metadata of the manifest, S3 that of the beginning.
    const sent = { stored, revision, upload: parts.upload.id }
    return ports.store.features.metadataInPlace ? sent : { ...sent, meta: parts.meta }
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'not-found') throw error
    // It was completed and the reply got lost, or the server forgot it: the next try begins anew and finds out.
    staged.upload = undefined
    ports.uploads.ended(staged, parts.upload.id)
    throw new StoreError('unavailable', `the upload of ${key} is gone`, {
      ...error.details,
      cause: error,
    })
  }
}

async function sendChanged(ports: SendPorts, request: SendRequest): Promise<Sent> {
  const { key, staged, options } = request
  const { store } = ports
  const { stage } = staged
  const { revision } = stage
  const plan = planOf(ports, staged)
  const upload = await create(ports, key, staged, options)
  const done: Part[] = []
  const failed: unknown[] = []
  try {
    let next = 0
    const worker = async () => {
      for (let planned = plan[next++]; planned && failed.length === 0; planned = plan[next++]) {
        if (stage.revision !== revision) throw new Overtaken()
        done.push(await sendPlanned(ports, staged, upload, planned))
      }
    }
    await allOf(Array.from({ length: 4 }, () => worker().catch(fail)))
    if (stage.revision !== revision) throw new Overtaken()
    done.sort((a, b) => a.number - b.number)
    const stored = await store.completeUpload(upload, done, options)
    return { stored, revision, upload: upload.id }
  } catch (error) {
    // Where that fails too, the record stays and the abort is tried again.
    await store.abortUpload(upload, done).then(
      () => ports.uploads.ended(staged, upload.id),
      () => {},
    )
    throw error
  }
  function fail(error: unknown): never {
    failed.push(error)
    throw error
  }
}

/** Waits for all, then rejects with the first that did: a part that arrives after the abort would stay. */
async function allOf(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason
  }
}

function planOf({ store, partSize }: SendPorts, { stage }: Staged): readonly PlannedPart[] {
  if (store.features.partCopy)
    return planParts(stage.size, stage.own, stage.baseLimit, store.limits)
  const layout = partLayout(stage.size, store.limits, partSize)
  return Array.from({ length: layout.partOf(stage.size - 1) }, (_, at) => ({
    number: at + 1,
    range: layout.partRange(at + 1, stage.size),
    how: 'send' as const,
  }))
}

function sendPlanned(
  { store, bodies, reader }: SendPorts,
  { stage }: Staged,
  upload: Upload,
  { number, range, how }: PlannedPart,
): Promise<Part> {
  if (how === 'copy') return store.copyPart(upload, number, stage.base!, range)
  return bodies.run(range.end - range.start, async take => {
    const body = take(range.end - range.start)
    await readStaged(stage, reader, range.start, body)
    return store.uploadPart(upload, number, body)
  })
}

/** The key under which a temporary file's parts are sent: the name it looks like getting. */
export function streamKey(key: Key): Key {
  const slash = key.lastIndexOf('/') + 1
  const final = finalName(key.slice(slash))
  return final === undefined ? key : key.slice(0, slash) + final
}
