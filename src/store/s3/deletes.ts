/** Deleting many objects: a thousand a request where the server and XML allow, one by one otherwise. */
import { DeleteObjectsCommand } from '@aws-sdk/client-s3'
import { StoreError } from '../../core/errors.ts'
import type { Key } from '../../core/types.ts'
import type { Features } from '../store.ts'
import type { BucketClient } from './bucket-client.ts'
import { refusalOfSdk } from './errors.ts'
import type { Objects } from './objects.ts'

/** Single deletes at the same time. */
const PARALLEL = 16
// What XML 1.0 cannot carry in any form.
// oxlint-disable-next-line no-control-regex
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

export class Deletes {
  readonly #client: BucketClient
  readonly #objects: Objects
  readonly #features: Features

  constructor(client: BucketClient, objects: Objects, features: Features) {
    this.#client = client
    this.#objects = objects
    this.#features = features
  }

  /** What could not be deleted. Rejects only where a whole request failed. */
  async many(keys: readonly Key[], signal?: AbortSignal): Promise<Map<Key, StoreError>> {
    const failed = new Map<Key, StoreError>()
    const singly = keys.filter(key => NOT_XML.test(key))
    const batched = singly.length === 0 ? keys : keys.filter(key => !NOT_XML.test(key))
    for (let at = 0; at < batched.length;) {
      const size = this.#features.deleteBatch
      if (size <= 1) {
        singly.push(...batched.slice(at))
        break
      }
      const batch = batched.slice(at, at + size)
      if (await this.#batch(batch, failed, signal)) at += batch.length
      else this.#features.deleteBatch = 1
    }
    await this.#singly(singly, failed, signal)
    return failed
  }

  /** False: the server has no such request. */
  async #batch(
    keys: readonly Key[],
    failed: Map<Key, StoreError>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const asked = { operation: 'DeleteObjects' }
    const input = {
      Bucket: this.#client.bucket,
      Delete: { Quiet: true, Objects: keys.map(key => ({ Key: key })) },
    }
    try {
      const reply = await this.#client.call(
        asked,
        (sdk, o) => sdk.send(new DeleteObjectsCommand(input), o),
        signal,
      )
      for (const { Key, Code, Message } of reply.Errors ?? []) {
        if (Key === undefined || Code === 'NoSuchKey') continue
        const said = { name: Code, message: Message, $metadata: {} }
        failed.set(Key, refusalOfSdk({ operation: 'DeleteObjects', key: Key }, said).error)
      }
      return true
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'unsupported') return false
      throw error
    }
  }

  async #singly(
    keys: readonly Key[],
    failed: Map<Key, StoreError>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const rest = keys.values()
    const work = async (): Promise<void> => {
      for (const key of rest) {
        try {
          await this.#objects.delete(key, signal)
        } catch (error) {
          if (!(error instanceof StoreError)) throw error
          if (error.kind !== 'not-found') failed.set(key, error)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(PARALLEL, keys.length) }, work))
  }
}
