/** Our signature against the SDK's own, over random keys, queries and metadata. */
import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import fc from 'fast-check'
import t from 'tap'
import { encodeKey, encodeQuery } from '../../../src/store/s3/escape.ts'
import { makeClient, type SdkRequest } from '../../../src/store/s3/sdk.ts'
import { Signer, type Credentials } from '../../../src/store/s3/sign.ts'

const CREDENTIALS: Credentials[] = [
  { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
  { accessKeyId: 'a:b', secretAccessKey: 's', sessionToken: 'token/+=' },
]

function setup(credentials: Credentials, region: string) {
  const seen: SdkRequest[] = []
  const client = makeClient({
    options: { endpoint: 'http://127.0.0.1:9000' },
    region,
    credentials,
    clockOffset: 0,
    handle: request => {
      seen.push(request)
      return Promise.resolve({
        response: { statusCode: 200, headers: {}, body: new Uint8Array(0) },
      })
    },
  })
  return { client, seen }
}

/** The SDK's headers without the signature, lower case, as our signer is given them. */
function unsigned(request: SdkRequest): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    if (!/^(authorization|x-amz-date|x-amz-security-token|x-amz-content-sha256)$/i.test(name)) {
      headers[name.toLowerCase()] = value
    }
  }
  return headers
}

function agree(
  signer: Signer,
  request: SdkRequest,
  credentials: Credentials,
  region: string,
): void {
  const stamp = request.headers['x-amz-date'] as string
  const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const query = Object.fromEntries(
    Object.entries(request.query).map(([name, value]) => [name, String(value)]),
  )
  const signed = signer.sign(
    {
      method: request.method,
      path: request.path,
      query: encodeQuery(query),
      headers: unsigned(request),
      payload: request.headers['x-amz-content-sha256'] as string,
    },
    credentials,
    region,
    Date.parse(iso),
  )
  const authorization = request.headers['authorization'] ?? request.headers['Authorization']
  if (signed['authorization'] !== authorization) {
    throw new Error(
      `${signed['authorization']}\n${String(authorization)}\n${JSON.stringify(request.headers)}`,
    )
  }
}

const keys = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
const values = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,30}[\x21-\x7e])?$/)

for (const credentials of CREDENTIALS) {
  t.test(
    `as the SDK signs${credentials.sessionToken === undefined ? '' : ', with a token'}`,
    async t => {
      const region = 'eu-central-1'
      const signer = new Signer()
      const { client, seen } = setup(credentials, region)
      await fc.assert(
        fc.asyncProperty(keys, values, fc.nat(9999), async (key, value, number) => {
          const object = { Bucket: 'bucket', Key: key }
          // The SDK wants a stream for a body here; the request is seen before that matters.
          const get = { ...object, Range: `bytes=${number}-`, IfMatch: '"x"' }
          await client.send(new GetObjectCommand(get)).catch(() => {})
          await client.send(
            new PutObjectCommand({
              ...object,
              Body: Buffer.from(value),
              Metadata: { v: value },
              ContentType: 'a/b',
            }),
          )
          const part = {
            ...object,
            PartNumber: number + 1,
            UploadId: `2~${value}`,
            Body: Buffer.from(key),
          }
          await client.send(new UploadPartCommand(part))
          for (const request of seen.splice(0)) {
            if (request.path !== `/bucket/${encodeKey(key)}`)
              throw new Error(`path ${request.path}`)
            agree(signer, request, credentials, region)
          }
        }),
        { numRuns: 60 },
      )
      t.pass()
    },
  )
}

t.test('day, region and secret each make another key', async t => {
  const signer = new Signer()
  const request = { method: 'GET', path: '/', query: '', headers: { host: 'h' }, payload: 'x' }
  const [one] = CREDENTIALS as [Credentials]
  const at = Date.parse('2026-11-21T23:59:59Z')
  const signatures = [
    signer.sign(request, one, 'r1', at),
    signer.sign(request, one, 'r1', at + 1000),
    signer.sign(request, one, 'r2', at),
    signer.sign(request, { ...one, secretAccessKey: 'other' }, 'r1', at),
  ].map(headers => headers['authorization'])
  t.equal(new Set(signatures).size, 4)
  t.equal(signer.sign(request, one, 'r1', at)['authorization'], signatures[0], 'and back')
})
