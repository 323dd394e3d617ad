/**
 * The AWS SDK, tamed: one attempt a call, no checksums but those asked for, its requests through our own pool
 * (one bound on sockets, one set of timeouts), Content-MD5 on DeleteObjects for servers that insist on it.
 */
import { createHash } from 'node:crypto'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Milliseconds } from '../../core/types.ts'
import type { HttpPool } from '../http/pool.ts'
import type { HttpHeaders } from '../http/types.ts'
import type { S3Options } from './options.ts'
import type { Credentials } from './sign.ts'

/** The parts of the SDK's request that matter here. */
export interface SdkRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query: Readonly<Record<string, string | null | string[]>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

interface SdkReply {
  readonly response: { statusCode: number; headers: HttpHeaders; body: Uint8Array }
}

type Handle = (request: SdkRequest, options?: { abortSignal?: AbortSignal }) => Promise<SdkReply>

export interface ClientSetup {
  readonly options: S3Options
  readonly region: string | undefined
  /** Absent: nothing is signed, or nothing is sent. */
  readonly credentials: Credentials | undefined
  readonly handle: Handle
  /** The server's clock minus ours. */
  readonly clockOffset: Milliseconds
}

const NOBODY: Credentials = { accessKeyId: 'none', secretAccessKey: 'none' }

function identityOf({ accessKeyId, secretAccessKey, sessionToken }: Credentials) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
}

/** A client for one region and one set of credentials. */
export function makeClient(setup: ClientSetup): S3Client {
  // Its notice about coming Node versions is for developers, not for those who mount.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  const { options, region, clockOffset } = setup
  const pathStyle = options.pathStyle ?? options.endpoint !== undefined
  const config: S3ClientConfig = {
    ...(region === undefined ? {} : { region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    forcePathStyle: pathStyle,
    credentials: identityOf(setup.credentials ?? NOBODY),
    maxAttempts: 1,
    followRegionRedirects: false,
    systemClockOffset: clockOffset,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The SDK asks of a handler no more than this; its type wants a class.
    requestHandler: { handle: setup.handle, metadata: { handlerProtocol: 'http/1.1' } } as never,
    ...(options.anonymous === true
      ? { signer: { sign: (request: unknown) => Promise.resolve(request) } as never }
      : {}),
  }
  const client = new S3Client(config)
  client.middlewareStack.add(
    (next, context) => args => {
      if (context['commandName'] === 'DeleteObjectsCommand')
        addContentMd5(args.request as SdkRequest)
      return next(args)
    },
    { step: 'build', priority: 'low', name: 'pailfsContentMd5' },
  )
  return client
}

/** A handler that sends through our pools. */
export function poolHandler(
  poolFor: (request: SdkRequest) => HttpPool,
  timeout: Milliseconds | undefined,
): Handle {
  return async (request, options) => {
    const { method, headers, body } = request
    const reply = await poolFor(request).request({
      method,
      path: pathOf(request),
      headers: withoutLength(headers),
      ...(isSlow(request) ? { timeout: SLOWER * (timeout ?? STANDARD) } : {}),
      ...(body === undefined || body === null ? {} : { body: bytesOf(body) }),
      ...(options?.abortSignal === undefined ? {} : { signal: options.abortSignal }),
    })
    return {
      response: { statusCode: reply.status, headers: { ...reply.headers }, body: reply.body },
    }
  }
}

/** Where no other is set. */
const STANDARD: Milliseconds = 15_000
/** Servers may be silent for minutes while they copy, put parts together or delete many: so many times the others'. */
const SLOWER = 40

function isSlow({ method, headers, query }: SdkRequest): boolean {
  const begins = 'uploads' in query
  return (method === 'POST' && !begins) || headers['x-amz-copy-source'] !== undefined
}

function pathOf(request: SdkRequest): string {
  const query = Object.entries(request.query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map(one =>
      one === null ? escape(name) : `${escape(name)}=${escape(one)}`,
    ),
  )
  return query.length === 0 ? request.path : `${request.path}?${query.join('&')}`
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    one => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** Content-Length is the client's; on a DELETE it must be there, as s3api waits for a body without it. */
function withoutLength(headers: HttpHeaders): HttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'content-length'))
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body
  if (typeof body === 'string') return Buffer.from(body)
  throw new TypeError('the SDK gave a body that is neither text nor bytes')
}

function addContentMd5(request: SdkRequest): void {
  const headers = request.headers as Record<string, string>
  for (const name of Object.keys(headers)) {
    if (/^x-amz-(checksum-|sdk-checksum-)/i.test(name)) delete headers[name]
  }
  headers['content-md5'] = createHash('md5').update(bytesOf(request.body)).digest('base64')
}
