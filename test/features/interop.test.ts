/**
 * What other programs write is shown right, and what pailfs writes they read right. With the program itself where it
 * is installed (PATH, or the folder in PAILFS_TEST_TOOLS; bin/test installs what Debian has), else with the metadata
 * that it documents.
 */
import t, { type Test } from 'tap'
import { FAMILIES, whyNot } from '../support/families.ts'
import { documented } from './interop/metadata.ts'
import { rclone } from './interop/rclone.ts'
import { s3fs } from './interop/s3fs.ts'
import { missing, mountAll, openScene, type Scene } from './interop/scene.ts'
import type { ServerKind } from '../support/servers.ts'
import { aws, gsutil, s3cmd, swift } from './interop/tools.ts'

t.setTimeout(900_000)

interface Part {
  readonly name: string
  /** Undefined: both. */
  readonly only?: 's3' | 'swift'
  /** One server is enough: the program sees no difference between them. */
  readonly on?: ServerKind
  /** Where the program comes from; absent where there is none. */
  readonly from?: string
  readonly run: (t: Test, scene: Scene) => Promise<void>
}

const PARTS: readonly Part[] = [
  { name: 'documented metadata', run: documented },
  { name: 'rclone', from: 'apt: rclone', run: rclone },
  { name: 's3fs', only: 's3', from: 'apt: s3fs', run: s3fs },
  { name: 'aws', only: 's3', on: 'rgw', from: 'apt: awscli', run: aws },
  { name: 's3cmd', only: 's3', on: 'rgw', from: 'apt: s3cmd', run: s3cmd },
  { name: 'gsutil', only: 's3', on: 'rgw', from: 'pip: gsutil', run: gsutil },
  { name: 'swift', only: 'swift', from: 'apt: python3-swiftclient', run: swift },
]

for (const kind of FAMILIES.filter(({ kind }) => kind !== 'swift-keystone')) {
  await t.test(kind.title, { skip: await whyNot(kind) }, async t => {
    t.setTimeout(400_000)
    const server = await kind.start()
    const s3 = kind.scheme === 's3'
    const mount = await mountAll(t, server, s3)
    for (const { name, only, on, from, run } of PARTS) {
      if ((only ?? kind.scheme) !== kind.scheme || (on ?? kind.kind) !== kind.kind) continue
      const skip = from === undefined ? false : await missing(name, from)
      await t.test(name, { skip }, async t => {
        t.setTimeout(200_000)
        const scene = await openScene(t, server, mount, s3)
        await run(t, scene)
        await scene.mount.sh(`rm -r ${scene.bucket}`)
      })
    }
  })
}
