#!/usr/bin/env node
// The second client of bin/demo: a few words of S3 with the AWS SDK alone, nothing of pailfs. Endpoint
// and credentials come from the environment, as for every AWS tool.
//
//   s3.js mb BUCKET | ls BUCKET | get BUCKET KEY | head BUCKET KEY
//   s3.js put BUCKET KEY TEXT [NAME=VALUE ...]
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3'

const s3 = new S3Client({ forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' })

const commands = {
  async mb(Bucket) {
    await s3.send(new CreateBucketCommand({ Bucket }))
  },
  async ls(Bucket) {
    for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket })) {
      for (const { Key, Size } of page.Contents ?? []) {
        console.log(`${String(Size).padStart(10)}  ${Key}`)
      }
    }
  },
  async get(Bucket, Key) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }))
    process.stdout.write(await Body.transformToByteArray())
  },
  async head(Bucket, Key) {
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }))
    console.log(`ETag ${head.ETag}, ${head.ContentLength} bytes, ${head.ContentType}`)
    for (const [name, value] of Object.entries(head.Metadata ?? {})) {
      console.log(`x-amz-meta-${name}: ${value}`)
    }
  },
  async put(Bucket, Key, Body, ...pairs) {
    const Metadata = Object.fromEntries(pairs.map(pair => pair.split(/=(.*)/s, 2)))
    await s3.send(new PutObjectCommand({ Bucket, Key, Body, Metadata }))
  },
}

const [word, ...words] = process.argv.slice(2)
const command = commands[word]
if (!command) {
  console.error(`s3.js: one of ${Object.keys(commands).join(', ')}`)
  process.exit(2)
}
try {
  await command(...words)
} catch (error) {
  console.error(`s3.js ${word}: ${error.name}: ${error.message}`)
  process.exitCode = 1
}
