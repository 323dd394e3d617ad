/** A small S3-like server whose replies a test writes, for behaviours that no server at hand has. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { silentLog } from '../../../src/core/ports.ts'
import { openS3Bucket, type S3Options } from '../../../src/store/s3/open.ts'
import type { S3Store } from '../../../src/store/s3/s3-store.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

export const ports = {
  log: silentLog,
  clock: {
    now: () => Date.now(),
    after: (delay: number, then: () => void) => {
      const timer = setTimeout(then, delay)
      return { cancel: () => clearTimeout(timer) }
    },
  },
}

export function refusal(status: number, code: string, more = '', headers = {}): Answer {
  return { status, headers, body: `<Error><Code>${code}</Code><Message>m</Message>${more}</Error>` }
}

/** A store on a server that answers as `answer` says. `asked` collects the requests. */
export async function scripted(
  t: Test,
  answer: (asked: Asked, number: number) => Answer,
  options: S3Options = {},
): Promise<{ store: S3Store; asked: Asked[]; endpoint: string }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      asked.push(one)
      const { status = 200, headers = {}, body = '' } = answer(one, asked.length)
      const length = { 'Content-Length': String(Buffer.byteLength(body)) }
      response.writeHead(status, { ...length, ...headers })
      response.end(one.method === 'HEAD' ? undefined : body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const env = {}
  const store = await openS3Bucket('buck', { endpoint, credentials, ...options }, { ...ports, env })
  t.teardown(() => {
    store.close()
    server.closeAllConnections()
    server.close()
  })
  return { store, asked, endpoint }
}
