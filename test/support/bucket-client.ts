/**
 * A second client to a bucket: boto3 in a process of its own, so that what pailfs wrote is seen by other
 * eyes, and pailfs sees what others wrote.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PROJECT, type Server } from './servers.ts'
import { program } from './shell.ts'

export interface PutOptions {
  metadata?: Record<string, string>
  contentType?: string
}

export interface ObjectHead {
  /** User metadata; names as the server gave them, lower case. */
  metadata: Record<string, string>
  contentType: string
  size: number
  /** Without quotes. */
  etag: string
  lastModified: string
}

/** The server said no, in its own words. */
export class BucketError extends Error {
  readonly code: string
  readonly status: number
  constructor(answer: { error: string; message: string; status: number }) {
    super(answer.message)
    this.name = 'BucketError'
    this.code = answer.error
    this.status = answer.status
  }
}

type Answer = { ok: unknown } | { error: string; message: string; status: number }

const SCRIPT = join(PROJECT, 'test', 'support', 'servers', 'bucket.py')

let interpreter: Promise<string | undefined> | undefined

/** Debian's python3-boto3 belongs to Debian's interpreter, pip's to the first in the path. */
function python(): Promise<string | undefined> {
  interpreter ??= (async () => {
    for (const file of ['/usr/bin/python3', 'python3']) {
      const { code } = await program(file, ['-c', 'import boto3']).catch(() => ({ code: 1 }))
      if (code === 0) return file
    }
    return undefined
  })()
  return interpreter
}

/** Why there is no second client, as a reason for `{ skip }` of a test; false when there is one. */
export async function whyNoBoto(): Promise<string | false> {
  return (await python()) ? false : 'not installed: python3-boto3'
}

export class BucketClient {
  readonly bucket: string
  readonly #process: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string>
  #last: Promise<unknown> = Promise.resolve()

  private constructor(child: ChildProcessWithoutNullStreams, bucket: string) {
    this.bucket = bucket
    this.#process = child
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  /** It ends with the test. */
  static async start(
    t: { teardown(end: () => unknown): void },
    server: Server,
    bucket: string,
  ): Promise<BucketClient> {
    const { accessKeyId, secretAccessKey, region } = server.s3
    const file = (await python()) ?? 'python3'
    const args = [SCRIPT, server.endpoint, accessKeyId, secretAccessKey, region]
    const child = spawn(file, args, { env: { ...process.env, AWS_CONFIG_FILE: '/dev/null' } })
    child.stderr.pipe(process.stderr)
    const client = new BucketClient(child, bucket)
    t.teardown(() => client.stop())
    return client
  }

  /** A method of boto3's S3 client by its Python name; Bucket is added. Rejects with BucketError. */
  call(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const request = { call: method, params: encoded({ Bucket: this.bucket, ...params }) }
    // One at a time: answers carry no number.
    const answer = this.#last.then(async () => {
      this.#process.stdin.write(`${JSON.stringify(request)}\n`)
      const line = await this.#answers.next()
      if (line.done) throw new Error('the second client ended')
      return JSON.parse(line.value) as Answer
    })
    this.#last = answer.catch(() => undefined)
    return answer.then(result => {
      if ('error' in result) throw new BucketError(result)
      return decoded(result.ok) as Record<string, unknown>
    })
  }

  async put(key: string, body: string | Buffer, options: PutOptions = {}): Promise<void> {
    await this.call('put_object', {
      Key: key,
      Body: Buffer.from(body),
      ...(options.metadata && { Metadata: options.metadata }),
      ...(options.contentType && { ContentType: options.contentType }),
    })
  }

  /** The same body under many keys. */
  async putMany(keys: readonly string[], body: string | Buffer = ''): Promise<void> {
    await this.call('put_many', { Keys: keys, Body: Buffer.from(body) })
  }

  /** The bytes of an object; rejects with BucketError NoSuchKey. */
  async get(key: string): Promise<Buffer> {
    return (await this.call('get_object', { Key: key }))['Body'] as Buffer
  }

  /** Undefined when there is no such object. */
  async head(key: string): Promise<ObjectHead | undefined> {
    try {
      const head = await this.call('head_object', { Key: key })
      return {
        metadata: head['Metadata'] as Record<string, string>,
        contentType: String(head['ContentType']),
        size: Number(head['ContentLength']),
        etag: String(head['ETag']).replaceAll('"', ''),
        lastModified: String(head['LastModified']),
      }
    } catch (error) {
      if (error instanceof BucketError && error.status === 404) return undefined
      throw error
    }
  }

  /** All objects, in the order of the listing. */
  async list(prefix = ''): Promise<{ key: string; size: number; etag: string }[]> {
    const found: unknown = await this.call('keys', { Prefix: prefix })
    return found as { key: string; size: number; etag: string }[]
  }

  /** All keys, in the order of the listing. */
  async keys(prefix = ''): Promise<string[]> {
    return (await this.list(prefix)).map(({ key }) => key)
  }

  async delete(key: string): Promise<void> {
    await this.call('delete_object', { Key: key })
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    this.#process.stdin.end()
    await once(this.#process, 'exit')
  }
}

/** Bytes travel as {"base64": …}. */
function encoded(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') }
  return mapped(value, encoded)
}

function decoded(value: unknown): unknown {
  if (isRecord(value) && typeof value['base64'] === 'string') {
    return Buffer.from(value['base64'], 'base64')
  }
  return mapped(value, decoded)
}

function mapped(value: unknown, change: (item: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change)
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
